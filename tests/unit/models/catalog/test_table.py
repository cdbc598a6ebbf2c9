"""Price tables of both shapes, exactly; what makes no sense is never a price, and never 0."""

import json
import math

import pytest

from turnout.models.catalog.rates import Rates
from turnout.models.catalog.table import BadTable, parse_table

GPT = {"provider": "openai", "model": "gpt-4o", "input_cost_per_token": "0.0000025", "output_cost_per_token": 1e-5}


def table(*prices: dict[str, object]) -> bytes:
    return json.dumps({"prices": prices}).encode()


def test_prices_are_exact_and_a_provider_is_found_however_it_is_written() -> None:
    found = parse_table(table({**GPT, "provider": "Together_AI", "cache_read_cost_per_token": "0.000000037501"}))
    assert found.find("together-ai", "gpt-4o", 0) == Rates(2_500_000, 10_000_000, 37_501)
    assert found.find("openai", "gpt-4o", 0) is None
    assert found.find("together_ai", "other", 0) is None


def test_a_price_is_in_force_from_its_time_on() -> None:
    later = {**GPT, "input_cost_per_token": 1e-6, "effective_at": "2026-01-01T00:00:00Z"}
    soon = {**GPT, "input_cost_per_token": 5e-7, "effective_at": "2026-02-01T00:00:00+00:00"}
    found = parse_table(table(soon, later, GPT))
    january, february = 1_767_225_600, 1_769_904_000
    prices = [found.find("openai", "gpt-4o", at) for at in (january - 1, january, february)]
    assert [rates.input_pusd for rates in prices if rates] == [2_500_000, 1_000_000, 500_000]
    assert [found.next_change_s(at) for at in (0, january, february)] == [january, february, math.inf]
    assert parse_table(table(later)).find("openai", "gpt-4o", 0) is None, "a price to come isn't one yet"


def test_litellms_table_is_read_and_its_other_entries_are_passed_over() -> None:
    document = {
        "sample_spec": {"litellm_provider": "one of these", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
        "gpt-4o": {"litellm_provider": "openai", "mode": "chat", **GPT, "cache_read_input_token_cost": 1.25e-06},
        "groq/llama": {"litellm_provider": "groq", "input_cost_per_token": 5.9e-07, "output_cost_per_token": 7.9e-07},
        "dall-e-3": {"litellm_provider": "openai", "input_cost_per_pixel": 1e-8},
        "odd": {"litellm_provider": "openai", "input_cost_per_token": "many"},
        "embed": {"litellm_provider": "openai", "input_cost_per_token": 2e-08},
    }  # fmt: skip
    found = parse_table(json.dumps(document).encode())
    assert len(found) == 3
    assert found.find("openai", "gpt-4o", 0) == Rates(2_500_000, 10_000_000, 1_250_000)
    assert found.find("groq", "llama", 0) == Rates(590_000, 790_000, None)
    assert found.find("openai", "embed", 0) == Rates(20_000, None, None)
    assert list(found.find_all("openai", "", 0)) == ["embed", "gpt-4o"]
    assert list(found.find_all("openai", "gpt-", 0)) == ["gpt-4o"]


def test_a_price_of_cached_tokens_above_that_of_others_is_no_price() -> None:
    found = parse_table(table({**GPT, "cache_read_cost_per_token": 1.0}))
    assert found.find("openai", "gpt-4o", 0) == Rates(2_500_000, 10_000_000, None)


@pytest.mark.parametrize("price", [-1, 2, "free", "nan", "inf", "", True, None])
def test_our_own_table_is_refused_as_a_whole_where_a_price_makes_no_sense(price: object) -> None:
    with pytest.raises(BadTable):
        parse_table(table(GPT, {**GPT, "input_cost_per_token": price}))


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b"<html>", b"\xff", b'{"prices": []}', b'{"a": 1}', b"[" * 9000]
)
def test_what_is_no_table_is_refused(document: bytes) -> None:
    with pytest.raises(BadTable):
        parse_table(document)
