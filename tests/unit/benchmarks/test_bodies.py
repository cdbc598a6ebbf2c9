"""Request bodies have the size and the shape that was asked for."""

import json
import random

import pytest

from turnout.benchmarks.bodies import chat_body


@pytest.mark.parametrize("size", [1024, 32 * 1024])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_body_has_the_wanted_size(size: int, is_stream: bool) -> None:
    body = chat_body("mock", size, random.Random(1), is_stream=is_stream)
    assert size <= len(body) <= size + 100
    request = json.loads(body)
    assert request["model"] == "mock"
    assert request.get("stream", False) is is_stream


def test_the_seed_decides_the_words() -> None:
    assert chat_body("m", 500, random.Random(1)) == chat_body("m", 500, random.Random(1))
    assert chat_body("m", 500, random.Random(1)) != chat_body("m", 500, random.Random(2))
