"""What a client has of an answer that broke off, and what stands in the way of going on with it."""

import json
from typing import Any

import pytest

from tests.fakes import FakeOut
from tests.unit.models.openai.continuation.streams import (
    PROMPT_IDS,
    SSE,
    Engine,
    chat,
    completions,
    encode,
    remote_chat,
)
from turnout.models.openai.continuation.progress import Progress, read_progress
from turnout.models.openai.continuation.terms import Obstacle
from turnout.models.openai.continuation.transcript import Transcript
from turnout.models.openai.request import ApiRequest

ENGINE = Engine([(5, "Hi"), (6, ""), (7, ""), (8, " 😀"), (9, "!"), (10, "")])


def progress_of(*blocks: bytes, request: ApiRequest | None = None, most_bytes: int = 1 << 20) -> Progress:
    transcript = Transcript(FakeOut(), most_bytes)
    transcript.start(200, SSE)
    for block in blocks:
        transcript.write(block)
    return read_progress(request or chat(), transcript)


def event(delta: dict[str, Any], **choice: Any) -> bytes:
    return encode({"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, **choice}]})


def test_ids_are_known_up_to_the_last_event_with_text() -> None:
    """A prompt that ends inside a character makes an engine show the prompt."""
    whole = ENGINE.chat()
    for events, text, ids in [(2, "Hi", (5,)), (3, "Hi", (5,)), (4, "Hi", (5,)), (5, "Hi 😀", (5, 6, 7, 8))]:
        progress = progress_of(*whole[:events])
        assert (progress.text, progress.token_ids, progress.output_tokens) == (text, ids, len(ids))
        assert progress.prompt_token_ids == tuple(PROMPT_IDS)
        assert (progress.prompt_tokens, progress.is_counted, progress.obstacle) == (3, True, None)
    assert (progress.id, progress.created, progress.model) == ("chatcmpl-1", 1700000000, "served")


def test_without_comments_events_are_counted() -> None:
    progress = progress_of(*remote_chat(["a", "b", "c"])[:4])
    assert (progress.text, progress.output_tokens, progress.is_counted) == ("abc", 3, False)
    assert (progress.prompt_token_ids, progress.token_ids, progress.prompt_tokens) == (None, (), None)


def test_an_upstream_that_counts_in_every_event_is_believed() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 12}
    progress = progress_of(encode({"choices": [{"delta": {"content": "a long piece"}}], "usage": usage}))
    assert (progress.output_tokens, progress.prompt_tokens, progress.has_usage) == (12, 7, False)


def test_text_without_ids_among_text_with_ids_makes_them_worthless() -> None:
    lines = ENGINE.chat()
    progress = progress_of(*lines[:2], event({"content": " and"}), *lines[2:5])
    assert (progress.text, progress.prompt_token_ids, progress.token_ids) == ("Hi and 😀", None, ())
    assert not progress.is_counted


def test_broken_token_comments_count_as_none() -> None:
    first, second, *_ = ENGINE.chat()
    progress = progress_of(first, second.replace(b"[5]", b"[5"))
    assert (progress.text, progress.prompt_token_ids) == ("Hi", None)


def test_malformed_events_and_heartbeats_are_passed_over() -> None:
    progress = progress_of(
        event({"content": "a"}), b'data: {"choices":[{"del\n\n', b": ping\n\n", event({"content": "b"})
    )
    assert (progress.text, progress.obstacle) == ("ab", None)


def test_any_line_ends_are_read() -> None:
    block = b"".join(ENGINE.chat()[:3]).replace(b"\n", b"\r\n")
    assert progress_of(block).text == "Hi"


def test_nothing_yet_is_no_obstacle() -> None:
    assert progress_of(ENGINE.chat()[0]).obstacle is None
    assert progress_of().text == ""


@pytest.mark.parametrize(
    ("delta", "obstacle"),
    [
        ({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, Obstacle.TOOL_CALL),
        ({"function_call": {"name": "f"}}, Obstacle.TOOL_CALL),
        ({"reasoning": "hm"}, Obstacle.REASONING),
        ({"reasoning_content": "hm"}, Obstacle.REASONING),
        ({"refusal": "no"}, Obstacle.REFUSAL),
        ({"audio": {"id": "a"}}, Obstacle.NOT_TEXT),
        ({"images": [{}]}, Obstacle.NOT_TEXT),
        ({"content": [{"type": "text", "text": "a"}]}, Obstacle.UNREADABLE),
        ({"content": "a", "tool_calls": [], "refusal": None, "function_call": None, "reasoning": ""}, None),
    ],
)
def test_what_came_can_stand_in_the_way(delta: dict[str, Any], obstacle: Obstacle | None) -> None:
    assert progress_of(event({"content": "a"}), event(delta)).obstacle is obstacle


@pytest.mark.parametrize(
    ("fields", "obstacle"),
    [
        ({"n": 2}, Obstacle.SEVERAL_CHOICES),
        ({"n": 1, "logprobs": False, "top_logprobs": None}, None),
        ({"use_beam_search": True}, Obstacle.SEVERAL_CHOICES),
        ({"logprobs": True}, Obstacle.LOGPROBS),
        ({"return_token_ids": True}, Obstacle.LOGPROBS),
        ({"echo": True}, Obstacle.ECHO),
        ({"response_format": {"type": "json_object"}}, Obstacle.JSON),
        ({"response_format": {"type": "text"}}, None),
        ({"guided_json": {"type": "object"}}, Obstacle.JSON),
        ({"structured_outputs": {"choice": ["a", "b"]}}, Obstacle.JSON),
        ({"structured_outputs": None}, None),
        ({"modalities": ["text", "audio"], "audio": {"voice": "a"}}, Obstacle.NOT_TEXT),
        ({"modalities": ["text"]}, None),
        ({"include_reasoning": False}, Obstacle.REASONING),
        ({"include_stop_str_in_output": True, "stop": "END"}, Obstacle.STOP_TEXT),
        ({"include_stop_str_in_output": True}, None),
        ({"include_reasoning": {"a": 1}}, Obstacle.UNREADABLE),
        ({"min_tokens": "3", "tools": [], "stop": ["a", "b"]}, None),
    ],
)
def test_what_was_asked_can_stand_in_the_way(fields: dict[str, Any], obstacle: Obstacle | None) -> None:
    assert progress_of(event({"content": "a"}), request=chat(**fields)).obstacle is obstacle


@pytest.mark.parametrize(
    ("fields", "obstacle"),
    [
        ({"logprobs": 0}, Obstacle.LOGPROBS),
        ({"best_of": 3}, Obstacle.SEVERAL_CHOICES),
        ({"prompt": ["a", "b"]}, Obstacle.SEVERAL_CHOICES),
        ({"prompt": [[1, 2], [3]]}, Obstacle.SEVERAL_CHOICES),
        ({"prompt": ["a"]}, None),
        ({"prompt": [1, 2, 3]}, None),
        ({"echo": True}, Obstacle.ECHO),
    ],
)
def test_completions_have_their_own_fields(fields: dict[str, Any], obstacle: Obstacle | None) -> None:
    block = encode({"id": "c", "choices": [{"index": 0, "text": "a", "finish_reason": None}]})
    progress = progress_of(block, request=completions(**fields))
    assert (progress.text, progress.obstacle) == ("a", obstacle)


def test_a_second_choice_stands_in_the_way() -> None:
    assert progress_of(event({"content": "a"}, index=1)).obstacle is Obstacle.SEVERAL_CHOICES


def test_a_finish_is_the_first_thing_to_know_of_an_answer() -> None:
    call = event({"tool_calls": [{"index": 0}]})
    progress = progress_of(call, event({}, finish_reason="tool_calls"), request=chat(n=2))
    assert progress.obstacle is Obstacle.FINISHED
    progress = progress_of(*ENGINE.chat())
    assert (progress.obstacle, progress.output_tokens, progress.has_usage) == (Obstacle.FINISHED, 6, True)


def test_an_answer_as_long_as_allowed_is_spent_only_where_its_tokens_were_counted() -> None:
    assert progress_of(*ENGINE.chat()[:5], request=chat(max_tokens=4)).obstacle is Obstacle.SPENT
    assert progress_of(*ENGINE.chat()[:5], request=chat(max_tokens=5)).obstacle is None
    assert progress_of(*remote_chat(["a", "b"])[:3], request=chat(max_completion_tokens=2)).obstacle is None


def test_a_transcript_that_was_forgotten_says_so() -> None:
    assert progress_of(*ENGINE.chat(), most_bytes=100) == Progress(obstacle=Obstacle.TOO_LONG)


def test_an_obstacle_is_a_label() -> None:
    assert json.loads(json.dumps(Obstacle.TOOL_CALL)) == "tool_call"
