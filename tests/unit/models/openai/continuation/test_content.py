"""What counts as the first token of a stream."""

import pytest

from tests.unit.models.openai.continuation.streams import Engine, remote_chat
from turnout.models.openai.continuation.content import has_content


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n',
        b'data: {"choices": [{"delta": {"content"  :\t"x"}}]}\r\n\r\n',
        b'data: {"choices":[{"delta":{"content":"\\""}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\n"}}]}\n\n',
        b'data: {"choices":[{"text":" a"}]}\n\n',
        b'data: {"choices":[{"delta":{"role":"assistant","content":null,"reasoning":"hm"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"","reasoning_content":"hm"}}]}\n\n',
        b'data: {"choices":[{"delta":{"refusal":"no"}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}\n\n',
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[{"delta":{"content":""}}]}\n\n' + b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n',
    ],
)
def test_a_token_or_an_end_is_content(event: bytes) -> None:
    assert has_content(event)


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
        b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}\n\n',
        b'data: {"choices":[{"delta":{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}}]}\n\n',
        b'data: {"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n',
        b'data: {"choices":[{"text":"","finish_reason":null}]}\n\n',
        b': "content":"ping"'.replace(b'"', b"'") + b"\n\n",
        b":p [1, 2]\n",
        b"",
    ],
)
def test_a_role_alone_a_filter_report_or_a_comment_is_none(event: bytes) -> None:
    assert not has_content(event)


def test_every_event_of_a_stream_but_the_first_has_content() -> None:
    for events in (Engine([(1, "a"), (2, "b")]).chat(), remote_chat(["a", "b"])):
        assert [has_content(event) for event in events[:3]] == [False, True, True]
