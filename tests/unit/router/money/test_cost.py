"""What tokens cost: exactly, and never less known than it is."""

import json

import pytest

from tests.fakes import FakeUpstream, answers
from tests.gateways import Rig, catalogue
from turnout.models.target import Target
from turnout.models.usage import Usage
from turnout.router.account import cost_of

PRICED = Target(
    "t", "m", "openai_compatible", input_price_pusd=2_000, output_price_pusd=8_000, cache_read_price_pusd=500
)


@pytest.mark.parametrize(
    ("usage", "cost_nusd"),
    [
        (Usage(100, 10), 280),
        (Usage(100, 10, cache_read_tokens=80), 160),
        (Usage(100, 10, cache_read_tokens=100), 130),
        (Usage(100, 10, cache_read_tokens=999), 130),
        (Usage(1, 0, cache_read_tokens=1), 1),
        (None, None),
    ],
)
def test_tokens_that_the_upstream_had_cached_cost_their_own_price(usage: Usage | None, cost_nusd: int | None) -> None:
    assert cost_of(usage, PRICED) == cost_nusd


def test_without_a_price_of_their_own_they_cost_as_much_as_others() -> None:
    plain = Target("t", "m", "openai_compatible", input_price_pusd=2_000, output_price_pusd=8_000)
    assert cost_of(Usage(100, 10, cache_read_tokens=80), plain) == 280
    unknown = Target("t", "m", "openai_compatible", cache_read_price_pusd=500)
    assert cost_of(Usage(100, 10, cache_read_tokens=80), unknown) is None


async def test_the_ledger_and_the_caller_are_told_the_cost_with_the_cache() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 80}}
    body = json.dumps({"id": "1", "choices": [{"message": {"content": "yes"}}], "usage": usage}).encode()
    rig = Rig(FakeUpstream(answers(body)), catalogue(PRICED))
    out = await rig.post()
    assert [(row.cache_read_tokens, row.cost_nusd) for row in rig.sink.entries] == [(80, 160)]
    assert out.headers[b"x-turnout-cost"] == b"0.000000160"
