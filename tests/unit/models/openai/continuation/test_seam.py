"""A client whose answer broke off gets the rest as if nothing had happened."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeOut
from tests.unit.models.openai.continuation.streams import (
    MODEL,
    POOL,
    REPLICA,
    SSE,
    Client,
    Engine,
    body_of,
    chat,
    completions,
    encode,
    remote_chat,
)
from turnout.models.openai.continuation.ending import write_ending
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.resume import write_continuation
from turnout.models.openai.continuation.seam import Seam
from turnout.models.openai.continuation.terms import Obstacle
from turnout.models.openai.continuation.ways import Continuation, find_ways
from turnout.models.openai.request import ApiRequest

TEXT = 'Grüße, 東京! 😀👩‍👧 "quoted\\" \n\n {"choices":[]} data: [DONE] :t [1] fin.'
TOKENS, INSTRUCTION = Continuation.TOKENS, Continuation.INSTRUCTION


def tokens_of(text: str) -> list[tuple[int, str]]:
    """A token a character, three for one outside ASCII, of which the last has the text."""
    parts = [[char] if char.isascii() else ["", "", char] for char in text]
    return [(100 + number, part) for number, part in enumerate(itertools.chain.from_iterable(parts))]


ENGINE = Engine(tokens_of(TEXT))
TWIN = Engine(ENGINE.tokens, name="cmpl-2")


def resume(client: Client, request: ApiRequest, is_cut_after: int | None = None) -> Progress:
    """Go on by tokens as the router would; cut again after so many events."""
    assert find_ways(request, client.progress, POOL, REPLICA, is_same_target=True)[0] is TOKENS
    body = body_of(write_continuation(TOKENS, request, client.progress, MODEL, REPLICA))
    events = TWIN.completions(body["prompt"])
    return client.go_on(TOKENS, events[:is_cut_after], is_cut=is_cut_after is not None)


def uninterrupted(request: ApiRequest) -> Client:
    client = Client(request)
    client.receive(ENGINE.chat(), is_cut=False)
    return client


@pytest.mark.parametrize("wants_usage", [False, True])
def test_cut_anywhere_and_continued_by_tokens_the_answer_is_the_uninterrupted_one(wants_usage: bool) -> None:
    request = chat(stream_options={"include_usage": wants_usage})
    whole = uninterrupted(request)
    for cut in range(2, len(ENGINE.tokens) + 1):
        client = Client(request)
        client.receive(ENGINE.chat()[:cut])
        resume(client, request)
        assert client.text == TEXT
        assert client.out.body.endswith(b"data: [DONE]\n\n")
        assert client.out.is_ended
        assert client.events[-1].get("usage") == whole.events[-1].get("usage")
        assert {(e["id"], e["object"], e["created"]) for e in client.events} == {
            ("chatcmpl-1", "chat.completion.chunk", 1700000000)
        }


@given(st.data())
def test_a_stream_may_break_often_and_come_in_any_blocks(data: st.DataObject) -> None:
    request = chat(stream_options={"include_usage": True})
    client = Client(request)
    events = ENGINE.chat()[: data.draw(st.integers(2, len(ENGINE.tokens)))]
    edges = sorted({0, len(events), *data.draw(st.lists(st.integers(0, len(events)), max_size=5))})
    client.receive([b"".join(events[a:b]) for a, b in itertools.pairwise(edges)])
    for _ in range(data.draw(st.integers(0, 4))):
        resume(client, request, is_cut_after=data.draw(st.integers(0, 9)))
        if client.progress.obstacle is not None:
            break
    if client.progress.obstacle is None:
        resume(client, request)
        assert client.text == TEXT
        assert client.events[-1]["usage"] == uninterrupted(request).events[-1]["usage"]
    assert TEXT.startswith(client.text)


def test_the_opening_of_a_chat_is_said_once() -> None:
    client = Client(chat())
    client.receive(ENGINE.chat()[:5])
    resume(client, chat())
    roles = [c["delta"] for e in client.events for c in e["choices"] if "role" in c["delta"]]
    assert roles == [{"role": "assistant", "content": ""}]


def test_a_chunk_of_completions_becomes_a_chunk_of_a_chat() -> None:
    client = Client(chat())
    client.receive(Engine([(100, "a"), (101, "b")]).chat()[:2])
    choice = {"index": 0, "text": 'b"', "logprobs": None, "finish_reason": "length", "stop_reason": 5, "token_ids": [1]}
    client.go_on(TOKENS, [encode({"id": "cmpl-9", "object": "text_completion", "model": "n", "choices": [choice]})])
    assert client.events[-1] == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "n",
        "created": 1700000000,
        "choices": [
            {"index": 0, "delta": {"content": 'b"'}, "logprobs": None, "finish_reason": "length", "stop_reason": 5}
        ],
    }


def test_completions_stay_completions() -> None:
    request = completions(max_tokens=500, stream_options={"include_usage": True})
    ids = [1, 9906, 198]
    for cut in range(1, len(ENGINE.tokens)):
        client = Client(request)
        if not client.receive(ENGINE.completions(ids)[:cut]).text:
            continue
        resume(client, request)
        assert client.text == TEXT
        assert client.events[-1]["usage"] == {
            "prompt_tokens": 3,
            "completion_tokens": len(ENGINE.tokens),
            "total_tokens": 3 + len(ENGINE.tokens),
        }
        assert {event["object"] for event in client.events} == {"text_completion"}


@pytest.mark.parametrize("repeated", [0, 9, 30, 1000])
def test_asked_in_words_another_model_goes_on_from_any_cut(repeated: int) -> None:
    """With the end, or all, of what came said again first. Where little of it came, that can't be told from new text."""
    words = [
        "Trains",
        " leave",
        " the",
        " old",
        " station",
        " at",
        " noon,",
        " 東京",
        " 行き",
        " 😀",
        " for",
        " good",
        ".",
    ]
    whole = "".join(words)
    for cut in range(4, len(words)):
        client = Client(chat(stream_options={"include_usage": True}))
        client.receive(remote_chat(words)[: 1 + cut])
        said = client.progress.text[-repeated:] if repeated else ""
        client.go_on(INSTRUCTION, remote_chat([said, *words[cut:]], name="chatcmpl-other", model="other"))
        assert client.text == whole
        assert client.out.is_ended
        assert {event["id"] for event in client.events} == {"chatcmpl-far"}
        assert client.events[-1]["model"] == "other"
        usage = client.events[-1]["usage"]
        assert usage["completion_tokens"] == cut + 1 + len(words[cut:])
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_continuation_in_words_can_be_taken_up_by_the_tokens_of_its_own_engine() -> None:
    client = Client(chat(stream_options={"include_usage": True}))
    client.receive(ENGINE.chat()[:20])
    second = Engine([(7, " and"), (8, " then"), (9, " end")], name="chatcmpl-3")
    events = [event.replace(b":p [1, 9906, 198]", b":p [1, 2, 3, 4, 5, 6]") for event in second.chat()]
    progress = client.go_on(Continuation.TEXT, events[:3], is_cut=True)
    assert (progress.prompt_token_ids, progress.token_ids) == ((1, 2, 3, 4, 5, 6), (7, 8))
    assert (progress.prompt_tokens, progress.is_counted) == (3, True)


def test_a_server_without_ids_ends_what_was_known_of_them() -> None:
    client = Client(chat())
    client.receive(ENGINE.chat()[:20])
    progress = client.go_on(INSTRUCTION, remote_chat([" or", " so", " on"])[:3], is_cut=True)
    assert (progress.prompt_token_ids, progress.token_ids, progress.is_counted) == (None, (), False)
    assert progress.text == client.text


def test_ids_of_a_character_that_never_came_are_not_counted_twice() -> None:
    engine = Engine([(1, "a"), (2, ""), (3, "ü"), (4, ".")])
    client = Client(chat())
    assert client.receive(engine.chat()[:3]).token_ids == (1,)
    progress = client.go_on(TOKENS, engine.completions([1, 9906, 198, 1])[:2], is_cut=True)
    assert (progress.text, progress.token_ids, progress.output_tokens) == ("aü", (1, 2, 3), 3)


def test_what_is_held_back_comes_with_the_finish() -> None:
    client = Client(chat())
    client.receive(remote_chat(["It is over and out", " now"])[:2])
    client.go_on(INSTRUCTION, remote_chat(["over"], finish="length"))
    assert client.text == "It is over and outover"
    assert [c["finish_reason"] for e in client.events for c in e["choices"] if c["finish_reason"]] == ["length"]


def test_thoughts_about_being_asked_to_go_on_are_kept_from_the_client() -> None:
    client = Client(chat())
    client.receive(remote_chat(["It is"])[:2])
    delta = {"role": "assistant", "content": None, "reasoning": "They want me to go on."}
    client.go_on(INSTRUCTION, [encode({"id": "x", "choices": [{"delta": delta}]}), *remote_chat([" over"])])
    assert b"They want" not in client.out.body
    assert client.text == "It is over"


def test_a_tool_call_that_a_continuation_makes_passes_behind_the_text() -> None:
    client = Client(chat())
    client.receive(remote_chat(["Let me look"])[:2])
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    client.go_on(INSTRUCTION, [*remote_chat([" me"])[:2], encode({"choices": [{"index": 0, "delta": call}]})], True)
    assert client.events[-1]["choices"][0]["delta"] == {**call, "content": " me"}


def test_malformed_events_and_heartbeats_of_a_continuation_are_left_out() -> None:
    client = Client(chat())
    client.receive(remote_chat(["a", "b"])[:2])
    broken = [b'data: {"choices":[{\n\n', b": ping\n\n", b'data: {"choices":3}\n\n', b'data: {"usage":7}\n\n']
    client.go_on(Continuation.PREFILL, [*broken, *remote_chat(["b"])])
    assert client.text == "ab"


def test_a_usage_without_numbers_passes_with_ours() -> None:
    client = Client(chat(stream_options={"include_usage": True}))
    client.receive(ENGINE.chat()[:4])
    client.go_on(Continuation.TEXT, [encode({"choices": [], "usage": {"prompt_tokens": None, "cost": 0.1}})])
    assert client.events[-1]["usage"] == {
        "prompt_tokens": 3,
        "cost": 0.1,
        "completion_tokens": client.progress.output_tokens,
        "total_tokens": 3 + client.progress.output_tokens,
    }


def test_an_answer_that_is_no_stream_is_kept_from_the_client() -> None:
    for is_full in (True, False):
        out = FakeOut()
        seam = Seam(INSTRUCTION, chat(), Progress(text="a"), out)
        if is_full:
            seam.full(200, (), b"{}")
        else:
            seam.start(200, ((b"content-type", b"application/json"),))
            assert seam.write(b"{}") is None
            seam.end()
        assert (seam.is_stream, out.body, out.is_ended) == (False, b"", False)


def test_an_answer_that_lacks_only_its_end_gets_it() -> None:
    usage = chat(stream_options={"include_usage": True}, max_tokens=4)
    client = Client(usage)
    progress = client.receive(Engine(tokens_of("abcdef")).chat()[:5])
    assert progress.obstacle is Obstacle.SPENT
    client.out.write(write_ending(usage, progress) or b"")
    finish, counted = client.events[-2:]
    assert (finish["id"], finish["choices"][0]["finish_reason"]) == ("chatcmpl-1", "length")
    assert counted["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert client.out.body.endswith(b"data: [DONE]\n\n")


def test_a_finished_answer_lacks_no_finish() -> None:
    finished = Progress(text="a", output_tokens=1, prompt_tokens=2, obstacle=Obstacle.FINISHED)
    usage = chat(stream_options={"include_usage": True})
    assert write_ending(chat(), finished) == b"data: [DONE]\n\n"
    events = (write_ending(usage, finished) or b"").split(b"\n\n")
    assert json.loads(events[0][6:])["usage"]["total_tokens"] == 3
    assert write_ending(usage, Progress(text="a", obstacle=Obstacle.FINISHED, has_usage=True)) == b"data: [DONE]\n\n"
    spent: dict[str, Any] = json.loads(
        (write_ending(completions(), Progress(obstacle=Obstacle.SPENT)) or b"").split(b"\n\n")[0][6:]
    )
    assert (spent["object"], spent["choices"][0]["text"]) == ("text_completion", "")


def test_an_answer_in_its_middle_has_no_ending() -> None:
    assert write_ending(chat(), Progress(text="a")) is None
    assert write_ending(chat(), Progress(text="a", obstacle=Obstacle.TOOL_CALL)) is None


def test_the_head_is_not_sent_again() -> None:
    out = FakeOut()
    Seam(TOKENS, chat(), Progress(text="a"), out).start(200, SSE)
    assert out.status == 0
