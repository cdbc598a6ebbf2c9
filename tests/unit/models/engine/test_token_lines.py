"""Token ids moved out of events as vLLM 0.32 writes them; `tests/e2e/engine` has a real one."""

import json

import pytest

from turnout.models.engine.token_lines import TokenLines, ask_for_ids
from turnout.models.openai.token_comments import strip_comments

HEAD = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
ROLE = (
    HEAD + b'"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],'
    b'"prompt_token_ids":%b,"prompt_text":null}\n\n'
)
DONE = b"data: [DONE]\n\n"


def content(ids: bytes, text: str = " Paris", finish: bytes = b"null") -> bytes:
    delta = json.dumps(text).encode()
    return HEAD + b'"delta":{"content":%b},"logprobs":null,"finish_reason":%b,"token_ids":%b}]}\n\n' % (
        delta,
        finish,
        ids,
    )


def silent(ids: bytes) -> bytes:
    return HEAD + b'"delta":{},"logprobs":null,"finish_reason":null,"token_ids":%b}]}\n\n' % ids


def test_ids_stand_in_lines_before_their_event_and_null_in_their_place() -> None:
    lines = TokenLines()
    assert lines.feed(ROLE % b"[1,2,3]") == b":p [1,2,3]\n" + ROLE % b"null"
    assert lines.feed(content(b"[7,8]")) == b":t [7,8]\n" + content(b"null")
    assert lines.feed(DONE) == DONE
    assert lines.rest() == b""


def test_a_completion_has_both_in_its_first_event() -> None:
    head = b'data: {"id":"cmpl-1","choices":[{"index":0,"text":" a","finish_reason":null,"stop_reason":null,'
    event = head + b'"prompt_token_ids":%b,"token_ids":%b}]}\n\n'
    assert TokenLines().feed(event % (b"[1,2]", b"[7]")) == b":p [1,2]\n:t [7]\n" + event % (b"null", b"null")


def test_an_event_without_ids_gets_no_line() -> None:
    lines = TokenLines()
    assert lines.feed(content(b"null")) == content(b"null")
    assert lines.feed(content(b"[]")) == content(b"null")


def test_blanks_are_no_hindrance() -> None:
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "token_ids" : [1, 2]}]}\n\n'
    assert TokenLines().feed(event) == b":t [1, 2]\n" + event.replace(b"[1, 2]", b"null")


@pytest.mark.parametrize(
    "text", ['"token_ids":[1]', 'token_ids":[1]', "token_ids", '\\","token_ids":[1],"', "\n:t [1]\n"]
)
def test_what_the_model_says_is_never_taken_for_ids(text: str) -> None:
    assert TokenLines().feed(content(b"[5]", text)) == b":t [5]\n" + content(b"null", text)
    assert TokenLines().feed(content(b"null", text)) == content(b"null", text)


def test_an_event_that_is_only_there_for_its_ids_goes_and_the_next_one_takes_them() -> None:
    lines = TokenLines()
    assert lines.feed(silent(b"[1]")) == b""
    assert lines.feed(silent(b"[2,3]")) == b""
    assert lines.feed(content(b"[4]")) == b":t [1,2,3,4]\n" + content(b"null")
    assert lines.feed(silent(b"[5]")) == b""
    assert lines.feed(content(b"[]", "", b'"stop"')) == b":t [5]\n" + content(b"null", "", b'"stop"')


def test_however_the_stream_is_cut_the_same_comes_out() -> None:
    stream = ROLE % b"[1,2]" + content(b"[7]") + silent(b"[8]") + content(b"[9]", "!", b'"stop"') + DONE
    expected = TokenLines().feed(stream)
    for size in (1, 7, 100, 400):
        lines = TokenLines()
        pieces = [lines.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert b"".join(pieces) == expected
    bare = b"".join(strip_comments(event + b"\n\n") for event in expected.split(b"\n\n")[:-1])
    assert bare == ROLE % b"null" + content(b"null") + content(b"null", "!", b'"stop"') + DONE


def test_half_an_event_at_the_end_is_kept() -> None:
    lines = TokenLines()
    lines.feed(content(b"[7]") + b'data: {"id"')
    assert lines.rest() == b'data: {"id"'


def test_a_stream_is_asked_for_ids_without_touching_what_else_is_asked() -> None:
    body = b'{ "stream":true, "model":"m","messages":[{"role":"user","content":"}"}], "temperature": 0.0 }\n'
    asking = ask_for_ids(body)
    assert asking is not None
    assert asking.startswith(body[:-2])
    assert json.loads(asking) == {**json.loads(body), "return_token_ids": True}


@pytest.mark.parametrize("prompt", ['"text"', "[1,2]", "[ 1 ]"])
def test_one_prompt_is_asked_for_ids(prompt: str) -> None:
    assert ask_for_ids(b'{"stream":true,"prompt":%b}' % prompt.encode()) is not None


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[]}',
        b'{"stream":false}',
        b'{"stream":true,"n":2}',
        b'{"stream":true,"echo":true}',
        b'{"stream":true,"use_beam_search":true}',
        b'{"stream":true,"return_token_ids":false}',
        b'{"stream":true,"return_token_ids":null}',
        b'{"stream":true,"prompt":["a","b"]}',
        b'{"stream":true,"prompt":[[1],[2]]}',
        b'{"stream":"yes"}',
        b'{"stream":true',
        b"[]",
    ],
)
def test_what_would_not_be_one_stream_of_events_is_left_alone(body: bytes) -> None:
    assert ask_for_ids(body) is None
