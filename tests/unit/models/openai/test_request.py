"""Reading request bodies: what's accepted, what's refused and in which words, and what goes upstream."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.models.errors import BadRequest
from turnout.models.openai.body import DENIED, encode_name, upstream_body
from turnout.models.openai.request import Operation, parse_request

HI = '"messages":[{"role":"user","content":"hi"}]'

# Every parameter of OpenAI's reference (read 2026-11), with a value it documents.
DOCUMENTED_CHAT = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "be brief", "name": "ops"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "assistant", "audio": {"id": "a"}, "function_call": {"name": "f", "arguments": "{}"}},
    ],
    "audio": {"voice": "alloy", "format": "mp3"},
    "frequency_penalty": -2,
    "function_call": "auto",
    "functions": [{"name": "f"}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 16,
    "max_tokens": 16,
    "metadata": {"tags": "a"},
    "modalities": ["text", "audio"],
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 2.0,
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "safety_identifier": "u",
    "seed": -1,
    "service_tier": "auto",
    "stop": ["\n"],
    "store": False,
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "temperature": 0,
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "top_logprobs": 20,
    "top_p": 1,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
}
DOCUMENTED_COMPLETION = {
    "model": "m",
    "prompt": [[1, 2], [3]],
    "best_of": 1,
    "echo": False,
    "frequency_penalty": 0,
    "logit_bias": None,
    "logprobs": 5,
    "max_tokens": 0,
    "n": 1,
    "presence_penalty": 0,
    "seed": 1,
    "stop": None,
    "stream": False,
    "stream_options": None,
    "suffix": None,
    "temperature": 2,
    "top_p": 0,
    "user": "u",
}
DOCUMENTED_EMBEDDING = {"model": "m", "input": ["a", "b"], "dimensions": 3, "encoding_format": "base64", "user": "u"}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.CHAT, DOCUMENTED_CHAT),
        (Operation.COMPLETIONS, DOCUMENTED_COMPLETION),
        (Operation.EMBEDDINGS, DOCUMENTED_EMBEDDING),
        (Operation.EMBEDDINGS, {"model": "m", "input": [1, 2, 3]}),
        (Operation.COMPLETIONS, {"model": "m", "prompt": ""}),
    ],
)
def test_every_documented_parameter_is_accepted_and_passed_on(operation: Operation, body: dict[str, object]) -> None:
    request = parse_request(operation, json.dumps(body).encode())
    sent = json.loads(upstream_body(request, encode_name("up")))
    assert sent == {key: value for key, value in body.items() if value is not None} | {"model": "up"}


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ("", None, "JSON"),
        ("[]", None, "object"),
        ("{", None, "JSON"),
        ('{"model":"m"}', "messages", "Missing"),
        ("{%s}" % HI, "model", "Missing"),
        ('{"model":"",%s}' % HI, "model", "length"),
        ('{"model":7,%s}' % HI, "model", "str"),
        ('{"model":"m","messages":[]}', "messages", "length"),
        ('{"model":"m","messages":"hi"}', "messages", "array"),
        ('{"model":"m","messages":[{"role":"robot"}]}', "messages[0].role", "robot"),
        ('{"model":"m","messages":[{"content":"x"}]}', "messages[0].role", "Missing"),
        ('{"model":"m","messages":[{"role":"user","content":[{}]}]}', "messages[0].content[0].type", "Missing"),
        ('{"model":"m",%s,"temperature":2.1}' % HI, "temperature", "2.0"),
        ('{"model":"m",%s,"n":0}' % HI, "n", ">= 1"),
        ('{"model":"m",%s,"max_tokens":-1}' % HI, "max_tokens", ">= 1"),
        ('{"model":"m",%s,"stream":"yes"}' % HI, "stream", "bool"),
        ('{"model":"m",%s,"stop":7}' % HI, "stop", "int"),
        ('{"model":"m",%s,"x":NaN}' % HI, None, "JSON"),
        ('{"model":"m",%s,"x":Infinity}' % HI, None, "JSON"),
        ('{"model":"m",%s,"x":"\\ud800"}' % HI, None, "JSON"),
        ('{"model":"m",%s,"x":%s}' % (HI, "[" * 100_000 + "]" * 100_000), None, "deep"),
        ('{"model":"m",%s}{}' % HI, None, "JSON"),
        ('{"model":"m",%s,"provider":{"quantizations":["fp8"]}}' % HI, "provider", "quantizations"),
        ('{"model":"a","model":"b",%s}' % HI, "model", "twice"),
        ('{"model":"a","mod\\u0065l":"b",%s}' % HI, "model", "twice"),
        ('{"model":"a",%s,%s}' % (HI, HI), "messages", "twice"),
        ('{"model":"a",%s,"stream":false, "stream":true}' % HI, "stream", "twice"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_and_the_reason(body: str, param: str | None, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_request(Operation.CHAT, body.encode())
    assert refused.value.param == param
    assert words in refused.value.message


def test_invalid_utf8_is_refused_even_where_nobody_looks() -> None:
    with pytest.raises(BadRequest, match="UTF-8"):
        parse_request(Operation.CHAT, b'{"model":"m",%s,"x":"\xff"}' % HI.encode())


def test_a_duplicate_without_consequence_passes() -> None:
    assert parse_request(Operation.CHAT, ('{"model":"m",%s,"x":1,"x":2}' % HI).encode()).model == "m"


def test_surrogate_pairs_and_odd_blanks_pass() -> None:
    body = '\n{ "model" : "m" , %s , "x" : "\\ud83d\\ude00" }\n' % HI
    assert parse_request(Operation.CHAT, body.encode()).model == "m"


def test_fields_of_the_gateway_and_of_a_shared_engine_never_go_upstream() -> None:
    values = {
        "fallbacks": '["x"]',
        "models": '["x"]',
        "disable_fallbacks": "true",
        "provider": "{}",
        "session_id": '"s"',
    }
    extra = ",".join(f'"{name}":{values.get(name, 5)}' for name in sorted(DENIED))
    request = parse_request(Operation.CHAT, ('{"model":"m",%s,%s}' % (HI, extra)).encode())
    assert set(json.loads(upstream_body(request, encode_name("m")))) == {"model", "messages"}
    assert (request.priority, request.timeout_s) == (5, 5.0)


def test_other_stream_options_survive_when_usage_is_asked_for() -> None:
    body = '{"model":"m",%s,"stream":true,"stream_options":{"include_usage":false,"continuous_usage_stats":true}}' % HI
    request = parse_request(Operation.CHAT, body.encode())
    options = json.loads(upstream_body(request, encode_name("m")))["stream_options"]
    assert options == {"include_usage": True, "continuous_usage_stats": True}
    assert not request.wants_usage


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
OWN = {*DENIED, "provider", "user", "metadata", "prompt", "input"} | DOCUMENTED_CHAT.keys()


@given(
    extra=st.dictionaries(st.text().filter(lambda key: key not in OWN), JSON_VALUES, max_size=4),
    indent=st.sampled_from([None, 1]),
)
def test_unknown_fields_pass_unchanged_however_the_json_is_written(
    extra: dict[str, object], indent: int | None
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **extra}
    request = parse_request(Operation.CHAT, json.dumps(body, indent=indent).encode())
    sent = json.loads(upstream_body(request, encode_name("m")))
    assert sent == {key: value for key, value in body.items() if value is not None}


@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_a_request_or_a_bad_request(data: bytes) -> None:
    try:
        request = parse_request(Operation.CHAT, data)
    except BadRequest as error:
        assert msgspec.json.decode(error.to_json())["error"]["message"]
    else:
        assert request.model
