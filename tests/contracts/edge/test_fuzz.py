"""Any bytes at all: `tests/fuzz/edge_bytes.py` says what must hold; here it runs briefly, with fixed seeds and with Hypothesis."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.edge_bytes import GOOD, SEEDS, WORDS, check, run


@pytest.mark.asyncio(loop_factories=["asyncio"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_thousand_mutated_requests_do_no_harm(seed: int) -> None:
    outcomes = await run(5_000, seed)
    assert min(outcomes["served"], outcomes["refused"], outcomes["waiting"]) > 50


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_million_mutated_requests_do_no_harm() -> None:
    outcomes = await run(1_000_000, 0)
    assert outcomes.total() == 1_000_000


PIECES = st.lists(st.sampled_from([*GOOD, *SEEDS, *WORDS]) | st.binary(max_size=20), max_size=12)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PIECES)
async def test_any_row_of_fragments_does_no_harm(pieces: list[bytes]) -> None:
    assert await check(b"".join(pieces), pieces) in {"served", "refused", "waiting"}
