"""What is held is never less than what can be billed."""

import json
from typing import Any

import pytest

from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Target
from turnout.router.money.bound import PART_TOKENS, TEMPLATE_TOKENS, bound_usage, cap_output

TARGET = Target("t", "m", "openai_compatible", max_output_tokens=500)
HI = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def parse(body: dict[str, Any], operation: Operation = Operation.CHAT) -> Any:
    return parse_request(operation, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("extra", "output_tokens"),
    [
        ({}, 500),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 9}, 9),
        ({"max_completion_tokens": 9, "max_tokens": 70}, 70),
        ({"max_tokens": 7, "n": 3}, 21),
        ({"n": None}, 500),
    ],
)
def test_the_output_limit_counts_for_each_choice(extra: dict[str, Any], output_tokens: int) -> None:
    assert bound_usage(parse({**HI, **extra}), TARGET).output_tokens == output_tokens


@pytest.mark.parametrize(
    ("body", "output_tokens"),
    [
        ({"prompt": "a", "max_tokens": 5}, 5),
        ({"prompt": ["a", "b"], "max_tokens": 5}, 10),
        ({"prompt": [1, 2, 3], "max_tokens": 5}, 5),
        ({"prompt": [[1, 2], [3]], "max_tokens": 5, "best_of": 4, "n": 2}, 40),
    ],
)
def test_each_prompt_of_a_completion_may_use_the_whole_limit(body: dict[str, Any], output_tokens: int) -> None:
    assert bound_usage(parse({"model": "m", **body}, Operation.COMPLETIONS), TARGET).output_tokens == output_tokens


def test_no_tokenizer_makes_more_tokens_than_there_are_bytes() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    plain, with_tools = parse(HI), parse({**HI, "tools": tools})
    assert bound_usage(plain, TARGET).input_tokens >= plain.prompt_bytes + TEMPLATE_TOKENS
    added = bound_usage(with_tools, TARGET).input_tokens - bound_usage(plain, TARGET).input_tokens
    assert added >= len(json.dumps(tools))
    assert bound_usage(plain, TARGET, 100).input_tokens == bound_usage(plain, TARGET).input_tokens + 100


def test_an_image_by_its_address_counts_for_the_largest() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}}
    body = parse({"model": "m", "messages": [{"role": "user", "content": [part, part]}]})
    assert bound_usage(body, TARGET).input_tokens >= 2 * PART_TOKENS
    escaped = json.dumps({"model": "m", "messages": [{"role": "user", "content": [part]}]})
    escaped = escaped.replace('"image_url":', '"image\\u005furl":').replace('"type"', '"\\u0074ype"')
    assert bound_usage(parse_request(Operation.CHAT, escaped.encode()), TARGET).input_tokens >= PART_TOKENS


def test_an_embedding_has_no_output() -> None:
    assert bound_usage(parse({"model": "m", "input": "text"}, Operation.EMBEDDINGS), TARGET).output_tokens == 0


def test_a_request_without_a_limit_gets_the_targets_and_one_with_its_own_stays() -> None:
    capped = cap_output(parse({**HI, "max_tokens": None}), TARGET)
    assert (capped.max_output_tokens, bytes(capped.fields["max_tokens"])) == (500, b"500")
    own = parse({**HI, "max_completion_tokens": 900})
    assert cap_output(own, TARGET) is own
