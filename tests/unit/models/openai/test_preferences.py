"""A caller's wishes about who answers are read in OpenRouter's form, and what can't be obeyed is refused."""

import msgspec
import pytest

from turnout.models.errors import BadRequest
from turnout.models.openai.preferences import MaxPrice, Preferences, read_preferences


def read(text: str) -> Preferences | None:
    return read_preferences(msgspec.Raw(text.encode()))


def test_null_is_no_wish() -> None:
    assert read("null") is None
    assert read("{}") == Preferences()


def test_every_wish_is_read() -> None:
    assert read('{"order":["a","b"],"only":["a"],"ignore":["c"],"sort":"price","zdr":true}') == Preferences(
        order=("a", "b"), only=frozenset("a"), ignore=frozenset("c"), sort="price", is_private=True
    )
    assert read('{"sort":{"by":"latency"},"data_collection":"deny"}') == Preferences(sort="latency", is_private=True)


def test_an_order_without_fallbacks_is_all_that_may_answer() -> None:
    assert read('{"order":["a","b"],"allow_fallbacks":false}') == Preferences(("a", "b"), frozenset("ab"))
    assert read('{"order":["a","b"],"only":["b","c"],"allow_fallbacks":false}') == Preferences(
        ("a", "b"), frozenset("b")
    )


def test_prices_are_dollars_a_million_tokens() -> None:
    assert read('{"max_price":{"prompt":0.0375,"completion":2}}') == Preferences(max_price=MaxPrice(37_500, 2_000_000))
    assert read('{"max_price":{"prompt":1}}') == Preferences(max_price=MaxPrice(1_000_000, None))


@pytest.mark.parametrize(
    "text", ['{"quantizations":["fp8"]}', '{"sort":"quality"}', '{"max_price":{"image":1}}', '"a"', '{"order":"a"}']
)
def test_what_cant_be_obeyed_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read(text)
    assert refusal.value.param == "provider"
