"""The fallbacks that a caller asks for, in every form that clients write them in."""

import json

import pytest

from turnout.models.errors import BadRequest
from turnout.models.openai.body import encode_name, upstream_body
from turnout.models.openai.fallbacks import MOST
from turnout.models.openai.request import ApiRequest, Operation, parse_request


def ask(**fields: object) -> ApiRequest:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return parse_request(Operation.CHAT, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"fallbacks": None, "models": None, "disable_fallbacks": False}, None),
        ({"fallbacks": ["b", "c"]}, ("b", "c")),
        ({"fallbacks": [{"model": "b"}, "c"]}, ("b", "c")),
        ({"models": ["b", "c"]}, ("b", "c")),
        ({"models": ["a", "b", "a", "b"]}, ("b",)),
        ({"fallbacks": []}, ()),
        ({"fallbacks": False}, ()),
        ({"models": ["a"]}, ()),
        ({"disable_fallbacks": True}, ()),
        ({"disable_fallbacks": True, "fallbacks": ["b"]}, ()),
    ],
)
def test_each_form_says_the_same(fields: dict[str, object], expected: tuple[str, ...] | None) -> None:
    assert ask(model="a", **fields).fallbacks == expected


def test_the_first_of_models_is_the_model_where_there_is_none() -> None:
    request = ask(models=["a", "b"])
    assert (request.model, request.fallbacks) == ("a", ("b",))


@pytest.mark.parametrize("operation", [Operation.COMPLETIONS, Operation.EMBEDDINGS])
def test_every_operation_has_them(operation: Operation) -> None:
    request = parse_request(operation, b'{"models":["a","b"],"prompt":"x","input":"x"}')
    assert (request.model, request.fallbacks) == ("a", ("b",))


def test_none_of_it_goes_upstream() -> None:
    request = ask(models=["a", "b"], disable_fallbacks=False)
    assert set(json.loads(upstream_body(request, encode_name("up")))) == {"model", "messages"}


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"fallbacks": True}, "fallbacks", "false for none"),
        ({"fallbacks": "b"}, "fallbacks", "str"),
        ({"fallbacks": [7]}, "fallbacks[0]", "int"),
        ({"fallbacks": [{"model": "b", "messages": []}]}, "fallbacks[0]", "messages"),
        ({"fallbacks": [{}]}, "fallbacks[0].model", "Missing"),
        ({"fallbacks": ["b"] * (MOST + 1)}, "fallbacks", "length"),
        ({"models": {"b": 1}}, "models", "array"),
        ({"models": [""]}, "models[0]", "length"),
        ({"disable_fallbacks": "yes"}, "disable_fallbacks", "bool"),
        ({"fallbacks": ["b"], "models": ["c"]}, "fallbacks", "one of them"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(fields: dict[str, object], param: str, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ask(model="a", **fields)
    assert refused.value.param == param
    assert words in refused.value.message


@pytest.mark.parametrize("models", [[], None, [3]])
def test_without_any_model_the_request_is_refused(models: object) -> None:
    with pytest.raises(BadRequest):
        ask(models=models)
