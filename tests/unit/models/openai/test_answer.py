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


@pytest.mark.parametrize(
    "odd", [b'data: {"choices": [oops "usage" \n\n', b'data: {"choices":[{"del\n\n', b"data: \n\n", b"data: \xff{}\n\n"]
)
def test_an_event_that_is_not_json_is_skipped_and_breaks_nothing(odd: bytes) -> None:
    for chunks in ((odd + TEXT + FINISH,), (TEXT, odd, FINISH), (odd, TEXT + odd + FINISH + odd)):
        answer, out = scan(*chunks)
        assert odd not in out.body
        assert out.body.endswith(FINISH + DONE)
        assert (answer.is_complete, answer.events) == (True, 2)


@pytest.mark.parametrize(
    "odd",
    [
        b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":-1}}\n\n',
        b'data: {"choices":[{"finish_reason":"stop"}],"usage":[]}\n\n',
    ],
)
def test_a_finish_counts_whatever_else_its_event_says(odd: bytes) -> None:
    answer, out = scan(TEXT, odd)
    assert (answer.is_complete, out.body) == (True, TEXT + odd + DONE)


def test_an_event_of_a_shape_that_is_not_known_passes_as_content() -> None:
    odd = b'data: {"choices":{"0":"text"}}\n\n' + b"data: 5\n\n"
    answer, out = scan(odd, FINISH)
    assert (out.body, answer.events) == (odd + FINISH + DONE, 3)


@pytest.mark.parametrize("reason", [b"error", b"abort"])
def test_a_finish_that_says_that_the_server_gave_up_is_none(reason: bytes) -> None:
    answer, out = scan(TEXT, FINISH.replace(b"stop", reason), DONE)
    assert (answer.is_complete, out.is_ended, out.body) == (False, False, TEXT)
    assert answer.error


def test_an_event_without_end_is_given_up() -> None:
    answer, out = scan(b"data: " + b"x" * EVENT_BYTES, b"x" * 10)
    assert (answer.is_complete, out.is_ended) == (False, False)
    assert answer.error


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{}]}',
        b'{"data":[{}]}',
        b'{"choices":[{}],"usage":null}',
        b'{"choices":[{}],"usage":[1]}',
        b'{"choices":[{}],"error":null,"usage":{"prompt_tokens":-1}}',
        b'{"choices":[{}],"usage":{"completion_tokens":1e15}}',
        b'{"choices":{"of":"a shape that is not known"}}',
    ],
)
def test_a_unary_answer_without_usage_passes_with_usage_unknown(body: bytes) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.full(200, (), body)
    assert (out.body, answer.usage, answer.is_complete) == (body, None, True)


def answer_whole(kind: bytes, *chunks: bytes) -> tuple[AnswerScan, FakeOut]:
    """What becomes of an answer of this content type to a client that wanted a stream."""
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.start(200, ((b"content-type", kind),))
    for chunk in chunks:
        answer.write(chunk)
    answer.end()
    return answer, out


def test_a_json_answer_to_a_stream_request_passes_whole() -> None:
    body = b'{"choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":2,"completion_tokens":1}}'
    answer, out = answer_whole(b"application/json", body[:20], body[20:])
    assert (out.body, out.is_ended, answer.is_complete, answer.usage) == (body, True, True, Usage(2, 1))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"text/html", b"<html>please log in</html>"),
        (b"application/json", b'{"error":{"code":"rate_limit_exceeded"}}'),
        (b"application/json", b'{"choices":[{"mess'),
        (b"application/json; charset=utf-8", b"{}"),
        (b"application/json", b"x" * (EVENT_BYTES + 1)),
    ],
)
def test_what_is_no_answer_is_none_to_a_stream_request_either(kind: bytes, body: bytes) -> None:
    answer, out = answer_whole(kind, body)
    assert (out.body, out.is_ended, answer.is_complete) == (b"", False, False)
    assert answer.error


def test_a_stream_without_a_content_type_is_one() -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.start(200, ())
    answer.write(TEXT + DONE)
    answer.end()
    assert (out.body, answer.is_complete) == (TEXT, False)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>busy</html>",
        b'{"choices":[',
        b"",
        b"{}",
        b'{"choices":[]}',
        b'{"error":{"message":"busy"}}',
        b'{"error":"busy","choices":null}',
        b'{"choices":[{"finish_reason":"error"}]}',
    ],
)
def test_a_unary_answer_of_200_that_is_no_answer_does_not_pass(body: bytes) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.full(200, (), body)
    assert (out.status, answer.is_complete) == (0, False)
    assert answer.error


def test_an_error_in_an_answer_of_200_is_kept_for_the_one_who_judges_it() -> None:
    answer = AnswerScan(FakeOut(), hides_usage=True, note_usage=list[Usage]().append)
    answer.full(200, (), b'{"error":{"code":"rate_limit_exceeded"}}')
    assert answer.error == b'{"code":"rate_limit_exceeded"}'


def usage_of(body: bytes) -> dict[str, object]:
    """The usage event before `[DONE]`."""
    event: dict[str, object] = json.loads(body.removesuffix(DONE).split(b"\n\n")[-2].removeprefix(b"data: "))
    return event


@pytest.mark.parametrize(
    "identity", [{"id": "c1", "object": "o", "created": 7, "model": "m"}, {"id": None, "created": 1.5}, {}]
)
def test_a_client_that_asked_for_usage_gets_it_counted_here_when_nobody_else_did(identity: dict[str, object]) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=False, note_usage=list[Usage]().append, prompt_tokens=12)
    answer.start(200, SSE)
    answer.write(TEXT)
    answer.write(TEXT)
    answer.write(b"data: " + json.dumps({**identity, "choices": [{"finish_reason": "stop"}]}).encode() + b"\n\n")
    answer.end()
    counted = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    assert usage_of(out.body) == {**identity, "choices": [], "usage": counted}
    assert answer.usage is None, "the books have their own estimate"


def test_a_client_that_did_not_ask_for_usage_gets_none_counted() -> None:
    assert scan(TEXT, FINISH)[1].body == TEXT + FINISH + DONE


@pytest.mark.parametrize(
    ("chunks", "is_whole"),
    [
        ((TEXT, FINISH), True),
        ((TEXT, FINISH + USAGE), True),
        ((FINISH,), True),
        ((TEXT, FINISH[:-2]), False),
        ((TEXT,), False),
        ((), False),
        ((TEXT, FINISH, b'data: {"error":{}}\n\n'), False),
    ],
)
def test_a_stream_that_broke_after_its_finish_is_made_whole(chunks: tuple[bytes, ...], is_whole: bool) -> None:
    out = FakeOut()
    answer = AnswerScan(out, hides_usage=True, note_usage=list[Usage]().append)
    answer.start(200, SSE)
    for chunk in chunks:
        answer.write(chunk)
    assert answer.try_finish() is is_whole
    assert answer.try_finish() is is_whole, "once is enough"
    assert (out.is_ended, out.body.endswith(DONE)) == (is_whole, is_whole)
