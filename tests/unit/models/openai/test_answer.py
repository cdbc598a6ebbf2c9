"""What is noted of an answer as it passes, and what of it doesn't pass."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeOut
from turnout.models.openai.answer import DONE, EVENT_BYTES, AnswerScan
from turnout.models.usage import Usage

SSE = ((b"content-type", b"text/event-stream; charset=utf-8"),)
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"\xc3\xa4 \\"finish_reason\\":\\"stop\\""}}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = (
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,'
    b'"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2}}}\n\n'
)
COMMENT = b": ping\n\n"
WHOLE = TEXT + COMMENT + TEXT + FINISH + USAGE + DONE


def scan(*chunks: bytes, hides_usage: bool = True) -> tuple[AnswerScan, FakeOut]:
    out, noted = FakeOut(), list[Usage]()
    answer = AnswerScan(out, hides_usage, noted.append)
    answer.start(200, SSE)
    for chunk in chunks:
        answer.write(chunk)
    answer.end()
    assert noted[-1:] == ([answer.usage] if answer.usage else []), "the head hears what the answer knows"
    return answer, out


def test_usage_is_noted_with_each_kind_of_token_and_hidden_if_not_asked_for() -> None:
    answer, out = scan(WHOLE)
    assert answer.usage == Usage(9, 4, cache_read_tokens=8, reasoning_tokens=2)
    assert out.body == TEXT + COMMENT + TEXT + FINISH + DONE
    assert answer.is_complete


def test_a_client_that_asked_for_usage_gets_every_byte() -> None:
    _, out = scan(WHOLE, hides_usage=False)
    assert out.body == WHOLE


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12))
def test_nothing_depends_on_where_the_network_cuts(cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(WHOLE)]
    answer, out = scan(*[WHOLE[a:b] for a, b in itertools.pairwise(edges)])
    assert (out.body, answer.usage, answer.is_complete) == (scan(WHOLE)[1].body, Usage(9, 4, 8, 2), True)


@given(st.lists(st.integers(1, 2 * len(WHOLE)), max_size=12))
def test_crlf_framing_is_cut_anywhere_too(cuts: list[int]) -> None:
    whole = WHOLE.replace(b"\n", b"\r\n")
    edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
    answer, out = scan(*[whole[a:b] for a, b in itertools.pairwise(edges)])
    assert out.body == (TEXT + COMMENT + TEXT + FINISH).replace(b"\n", b"\r\n") + DONE
    assert (answer.usage, answer.is_complete) == (Usage(9, 4, 8, 2), True)


@pytest.mark.parametrize(
    "body",
    [
        TEXT,
        TEXT + DONE,
        TEXT + b'data: {"error":{"message":"EngineDeadError"}}\n\n' + DONE,
        FINISH[:-2],
        TEXT + FINISH[:-1],
        b"",
    ],
)
def test_a_stream_that_did_not_finish_is_never_ended(body: bytes) -> None:
    answer, out = scan(body)
    assert not answer.is_complete
    assert not out.is_ended
    assert b"[DONE]" not in out.body


def test_an_error_after_the_finish_is_not_a_finish() -> None:
    answer, out = scan(TEXT, FINISH, b'data: {"error":{"message":"boom"}}\n\n')
    assert (answer.is_complete, out.is_ended) == (False, False)
    assert answer.error == b'{"message":"boom"}'


def test_a_finished_stream_without_done_gets_one() -> None:
    assert scan(TEXT + FINISH)[1].body == TEXT + FINISH + DONE


def test_usage_null_in_every_chunk_and_empty_first_choices_pass() -> None:
    first = b'data: {"choices":[],"model":"","prompt_filter_results":[]}\n\n'
    chunk = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n'
    answer, out = scan(first + chunk + FINISH + USAGE + DONE)
    assert out.body == first + chunk + FINISH + DONE
    assert answer.usage == Usage(9, 4, 8, 2)


def test_a_malformed_event_passes_and_breaks_nothing() -> None:
    odd = b'data: {"choices": [oops "usage" \n\n'
    assert scan(odd + TEXT + FINISH)[1].body == odd + TEXT + FINISH + DONE


def test_an_event_without_end_is_given_up() -> None:
    answer, out = scan(b"data: " + b"x" * EVENT_BYTES, b"x" * 10)
    assert (answer.is_complete, out.is_ended) == (False, False)
    assert answer.error


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"usage":null}',
        b'{"usage":[1]}',
        b'{"usage":{"prompt_tokens":-1}}',
        b'{"usage":{"completion_tokens":1e15}}',
    ],
)
def test_a_unary_answer_without_usage_passes_with_usage_unknown(body: bytes) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.full(200, (), body)
    assert (out.body, answer.usage, answer.is_complete) == (body, None, True)


def test_a_json_answer_to_a_stream_request_passes_whole() -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.start(200, ((b"content-type", b"application/json"),))
    answer.write(json.dumps({"object": "chat.completion"}).encode())
    answer.end()
    assert (out.is_ended, answer.is_complete) == (True, True)


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"choices":[', b""])
def test_a_unary_answer_that_is_not_json_is_no_answer(body: bytes) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.full(200, (), body)
    assert (out.status, answer.is_complete) == (0, False)
