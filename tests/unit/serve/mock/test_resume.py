"""One mock goes on where another of the same script stopped: by token ids, from the assistant's last message, and by instruction."""

import json
from typing import Any

import pytest

from tests.fakes import FakeOut, head
from turnout.models.engine.token_lines import TokenLines
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import parse_script

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say it: ünï 日本 😀, and so on."}]
TEXTS = [
    {"kind": "lorem", "tokens": 12},
    {"kind": "echo"},
    {"kind": "echo", "tokens": 15},
    {"kind": "fixed", "values": ["  One two\nthree."]},
]
Document = dict[str, Any]


def replica(text: Document, **more: Any) -> MockProvider:
    """A mock that has answered others already: nothing may hang on that."""
    return MockProvider(parse_script({"seed": 3, "models": {"m": {"text": text, **more}}}), wall=lambda: 1.0)


async def ask(mock: MockProvider, path: bytes, **body: Any) -> FakeOut:
    out = FakeOut()
    await mock(head(path), json.dumps({"model": "m", **body}).encode(), out)
    return out


async def chat(mock: MockProvider, messages: list[Document], **more: Any) -> FakeOut:
    return await ask(mock, b"/v1/chat/completions", messages=messages, **more)


async def say(mock: MockProvider, messages: list[Document], **more: Any) -> str:
    answer = json.loads((await chat(mock, messages, **more)).body)
    return str(answer["choices"][0]["message"]["content"])


def read(out: FakeOut) -> tuple[list[int], list[int], list[str]]:
    """The prompt's ids, the answer's, and its pieces, from a chat or a completion."""
    prompt: list[int] = []
    ids: list[int] = []
    pieces: list[str] = []
    for event in out.body.decode().split("\n\n")[:-2]:
        chunk = json.loads(event.removeprefix("data: "))
        if not chunk["choices"]:
            continue
        choice = chunk["choices"][0]
        prompt = chunk.get("prompt_token_ids") or choice.get("prompt_token_ids") or prompt
        ids += choice.get("token_ids", [])
        text = choice["text"] if "text" in choice else choice["delta"].get("content", "")
        pieces += [text] if text else []
    return prompt, ids, pieces


@pytest.mark.parametrize("text", TEXTS)
async def test_another_mock_goes_on_by_ids_wherever_the_stream_was_cut(text: Document) -> None:
    first, other = replica(text), replica(text)
    await chat(other, [{"role": "user", "content": "something else"}])
    prompt, ids, pieces = read(await chat(first, ASKED, stream=True, return_token_ids=True))
    assert "".join(pieces) == await say(other, ASKED)
    for cut in range(len(ids) + 1):
        resumed = await ask(
            other, b"/v1/completions", prompt=prompt + ids[:cut], stream=True, return_token_ids=True, max_tokens=50
        )
        assert read(resumed) == (prompt + ids[:cut], ids[cut:], pieces[cut:])


async def test_a_prompt_of_words_has_as_many_ids_as_tokens() -> None:
    usage = {"include_usage": True}
    out = await chat(replica(TEXTS[0]), ASKED, stream=True, return_token_ids=True, stream_options=usage)
    last = json.loads(out.body.decode().split("\n\n")[-3].removeprefix("data: "))
    prompt, ids, _ = read(out)
    assert last["usage"] == {
        "prompt_tokens": len(prompt),
        "completion_tokens": len(ids),
        "total_tokens": len(prompt + ids),
    }


async def test_a_mock_of_another_seed_or_another_question_says_something_else() -> None:
    mine = await say(replica(TEXTS[0]), ASKED)
    other = MockProvider(parse_script({"seed": 4, "models": {"m": {"text": TEXTS[0]}}}))
    assert mine != await say(other, ASKED)
    assert mine != await say(replica(TEXTS[0]), ASKED[1:])


async def test_ids_with_a_gap_or_twice_are_refused() -> None:
    mock = replica(TEXTS[0])
    prompt, ids, _ = read(await chat(mock, ASKED, stream=True, return_token_ids=True))
    for wrong in (ids[1:3], [*ids[:2], ids[1]], [*ids[:2], ids[3]]):
        assert (await ask(mock, b"/v1/completions", prompt=prompt + wrong)).status == 400


async def test_no_ids_are_given_unasked_or_in_a_whole_answer() -> None:
    mock = replica(TEXTS[0])
    assert b"token_ids" not in (await chat(mock, ASKED, stream=True)).body
    assert b"token_ids" not in (await chat(mock, ASKED, return_token_ids=True)).body


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/completions"])
async def test_its_ids_can_be_moved_into_comment_lines(path: bytes) -> None:
    asked = {"messages": ASKED} if b"chat" in path else {"prompt": "one two"}
    out = await ask(replica(TEXTS[0]), path, stream=True, return_token_ids=True, **asked)
    lines = TokenLines().feed(out.body).splitlines()
    assert sum(line.startswith(b":p [") for line in lines) == 1
    assert sum(line.startswith(b":t [") for line in lines) == 12


@pytest.mark.parametrize("text", TEXTS)
async def test_an_answer_goes_on_from_any_beginning_of_it_in_a_last_message_of_the_assistant(text: Document) -> None:
    mock = replica(text)
    whole = await say(mock, ASKED)
    for cut in range(len(whole) + 1):
        begun = {"role": "assistant", "content": whole[:cut]}
        assert await say(mock, [*ASKED, begun], continue_final_message=True) == whole[cut:]


async def test_an_answer_that_went_on_by_prefill_can_go_on_by_ids() -> None:
    mock = replica(TEXTS[0])
    whole = await say(mock, ASKED)
    begun = {"role": "assistant", "content": " ".join(whole.split()[:4])}
    prompt, ids, pieces = read(await chat(mock, [*ASKED, begun], stream=True, return_token_ids=True))
    resumed = await ask(mock, b"/v1/completions", prompt=prompt + ids[:3], stream=True, return_token_ids=True)
    assert read(resumed)[1:] == (ids[3:], pieces[3:])


async def test_words_that_are_not_its_own_are_a_turn_like_any_other() -> None:
    mock = replica({"values": ["One two."]})
    foreign = {"role": "assistant", "content": "Quite another"}
    assert await say(mock, [*ASKED, foreign]) == "One two."
    assert await say(mock, [*ASKED, foreign, {"role": "user", "content": "Please continue."}]) == "One two."


@pytest.mark.parametrize("text", TEXTS)
async def test_an_instruction_after_the_beginning_of_an_answer_makes_it_go_on(text: Document) -> None:
    mock = replica(text)
    whole = await say(mock, ASKED)
    instruction = {"role": "user", "content": "Continue exactly where you stopped."}
    for cut in range(1, len(whole) + 1):
        begun = {"role": "assistant", "content": whole[:cut]}
        assert await say(mock, [*ASKED, begun, instruction]) == whole[cut:]


async def test_a_whole_answer_before_another_question_is_an_earlier_turn() -> None:
    mock = replica({"values": ["One two."]})
    answered = {"role": "assistant", "content": "One two."}
    assert await say(mock, [*ASKED, answered, {"role": "user", "content": "And now?"}]) == "One two."


async def test_a_model_that_takes_no_prefill_says_so() -> None:
    mock = replica(TEXTS[0], refuses_prefill=True)
    begun = {"role": "assistant", "content": "Well"}
    out = await chat(mock, [*ASKED, begun])
    assert (out.status, "prefill" in json.loads(out.body)["error"]["message"]) == (400, True)
    assert (await chat(mock, [*ASKED, begun, {"role": "user", "content": "Go on."}])).status == 200
