"""One kept answer serves streams and whole answers: nothing is lost on the way there and back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from turnout.models.usage import Usage
from turnout.router.cache.replay import fold_events, write_events

TEXT = st.text(max_size=40)
CALL = st.fixed_dictionaries(
    {"id": TEXT, "type": st.just("function"), "function": st.fixed_dictionaries({"name": TEXT, "arguments": TEXT})}
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXT},
    optional={"refusal": st.none(), "reasoning_content": TEXT, "tool_calls": st.lists(CALL, min_size=1, max_size=3)},
)
LOGPROBS = st.none() | st.fixed_dictionaries(
    {"content": st.lists(st.fixed_dictionaries({"token": TEXT, "logprob": st.floats(-9, 0)}), max_size=3)}
)
FINISH = st.sampled_from(["stop", "length", "tool_calls"])
CHAT = st.fixed_dictionaries(
    {"message": MESSAGE, "finish_reason": FINISH}, optional={"logprobs": LOGPROBS, "stop_reason": st.none() | TEXT}
)
COMPLETION = st.fixed_dictionaries({"text": TEXT, "finish_reason": FINISH})
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}


def whole(kind: str, choices: list[dict[str, object]]) -> dict[str, object]:
    numbered = [{"index": number, **choice} for number, choice in enumerate(choices)]
    return {"id": "c", "object": kind, "created": 7, "model": "m", "choices": numbered, "usage": USAGE}


@given(st.lists(CHAT, min_size=1, max_size=3))
def test_a_chat_answer_comes_back_from_its_stream_as_it_was(choices: list[dict[str, object]]) -> None:
    answer = whole("chat.completion", choices)
    assert json.loads(fold_events(write_events(json.dumps(answer).encode(), wants_usage=True), None)) == answer


@given(st.lists(COMPLETION, min_size=1, max_size=3))
def test_a_completion_comes_back_from_its_stream_as_it_was(choices: list[dict[str, object]]) -> None:
    answer = whole("text_completion", choices)
    assert json.loads(fold_events(write_events(json.dumps(answer).encode(), wants_usage=True), None)) == answer


def test_a_stream_in_pieces_with_comments_is_one_answer() -> None:
    deltas = (
        {"role": "assistant", "content": None},
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    )
    events = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = b": keep-alive\n\n" + b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    folded = json.loads(fold_events(stream + b"data: [DONE]\n\n", Usage(3, 4)))
    (choice,) = folded["choices"]
    assert choice["finish_reason"] == "tool_calls"
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"]["tool_calls"]
    ]
    assert calls == [("a", "f", '{"x":1}'), ("b", "g", "{}")]
    assert folded["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_every_stream_ends_with_done_and_has_usage_only_where_it_is_wanted() -> None:
    body = json.dumps(
        whole("chat.completion", [{"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}])
    ).encode()
    for wants_usage in (True, False):
        stream = write_events(body, wants_usage)
        assert stream.endswith(b"data: [DONE]\n\n")
        assert (b'"usage"' in stream) is wants_usage
