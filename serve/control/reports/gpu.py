"""Spreads the cost of GPU hours over the requests that they served: pure."""

from collections.abc import Iterable, Mapping

import msgspec

MS_IN_HOUR = 3_600_000
OUTPUT_WEIGHT = 4
"""
An output token counts as so many input tokens, and one read from the engine's cache as none. Source: hosted prices of one model for both, such as
2.50 and 10 USD a million for gpt-4o (2024-08), have this ratio.
"""

RATE_PARTS = 100_000
"""Rates are in so many parts of a nano-USD a weighted token; in 64 bits they hold for pools of up to 90,000 USD an hour."""


class PoolHour(msgspec.Struct, frozen=True):
    """
    What a pool's replicas did in an hour and cost.

    Attributes:
        hour: since 1970 UTC.
        pool: its name.
        replica_ms, busy_ms: of all its replicas together.
        cost_nusd: of their GPUs for the whole time.
    """

    hour: int
    pool: str
    replica_ms: int
    busy_ms: int
    cost_nusd: int

    @property
    def busy_nusd(self) -> int:
        """The part of the cost in which replicas were busy, which requests share."""
        return 0 if not self.replica_ms else self.cost_nusd * min(self.busy_ms, self.replica_ms) // self.replica_ms


def price_hours(times: Iterable[tuple[int, str, int, int]], pools: Mapping[str, tuple[str, int]]) -> list[PoolHour]:
    """
    Pools' hours with their costs.

    Args:
        times: hour, target, replica_ms and busy_ms. Targets of one pool tell of the same replicas, so the most of them counts.
        pools: by target, its pool and what an hour of one replica costs in nano-USD.
    """
    found: dict[tuple[int, str], tuple[int, int, int]] = {}
    for hour, target, replica_ms, busy_ms in times:
        if target in pools:
            pool, hour_nusd = pools[target]
            there, busy, price = found.get((hour, pool), (0, 0, 0))
            found[hour, pool] = max(there, replica_ms), busy + busy_ms, max(price, hour_nusd)
    return [
        PoolHour(hour, pool, there, min(busy, there), there * price // MS_IN_HOUR)
        for (hour, pool), (there, busy, price) in sorted(found.items())
    ]


def rate_hours(hours: Iterable[PoolHour], weights: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], int]:
    """
    What a weighted token cost in each hour and pool, in `RATE_PARTS` of a nano-USD, rounded down; what remains is idle time's.

    Args:
        hours: as `price_hours` gives them, several of one hour and pool if its price changed within it.
        weights: weighted tokens by hour and pool.
    """
    busy: dict[tuple[int, str], int] = {}
    for each in hours:
        busy[each.hour, each.pool] = busy.get((each.hour, each.pool), 0) + each.busy_nusd
    return {place: nusd * RATE_PARTS // weights[place] for place, nusd in busy.items() if weights.get(place)}
