"""Reads what local pools' GPU time cost in the hours of a report, and lays out how requests share it."""

from collections.abc import Sequence

import msgspec

from turnout.serve.control.database import Connection
from turnout.serve.control.reports.ask import SOURCE, Ask
from turnout.serve.control.reports.gpu import MS_IN_HOUR, OUTPUT_WEIGHT, RATE_PARTS, PoolHour, price_hours, rate_hours
from turnout.serve.control.reports.prices import PriceVersion

MINUTE_NS = 60_000_000_000

_FRESH_TOKENS = "CASE WHEN input_tokens > cache_read_tokens THEN input_tokens - cache_read_tokens ELSE 0 END"
_WEIGHT = f"({_FRESH_TOKENS} + {OUTPUT_WEIGHT} * output_tokens)"
SHARE = f"({_WEIGHT} * coalesce(rate, 0) / {RATE_PARTS})"
"""Nano-USD of GPU time of one row of `SPENT`, rounded down."""

SPENT = f"{SOURCE} AS spent LEFT JOIN gpu_target USING (target) LEFT JOIN gpu_rate USING (hour, pool)"
"""The rows of a report, each with the `pool` whose GPU time it shares, or NULL, and that hour's `rate`."""


class IdlePool(msgspec.Struct, frozen=True):
    """
    What a pool cost while nobody asked it.

    Attributes:
        pool: its name.
        replica_hours, busy_hours: of all its replicas, busy ones included in the first.
        gpu_nusd: of its GPUs for the whole time.
        idle_nusd: of that, what no request shares.
    """

    pool: str
    replica_hours: float
    busy_hours: float
    gpu_nusd: int
    idle_nusd: int


def share_gpus(connection: Connection, ask: Ask, versions: Sequence[PriceVersion]) -> list[IdlePool]:
    """Fill the temporary tables that `SPENT` joins; what no request shares is returned."""
    connection.execute("CREATE TEMP TABLE gpu_target (target TEXT PRIMARY KEY, pool TEXT NOT NULL)")
    connection.execute(
        "CREATE TEMP TABLE gpu_rate (hour BIGINT, pool TEXT, rate BIGINT NOT NULL, PRIMARY KEY (hour, pool))"
    )
    priced = {
        target: price.pool
        for version in versions
        for target, price in version.prices.items()
        if price.gpu_hour_nusd is not None
    }
    if not priced:
        return []
    connection.executemany("INSERT INTO gpu_target VALUES (?, ?)", priced.items())
    hours = _read_hours(connection, ask, versions)
    weights = connection.execute(
        f"SELECT hour, pool, sum({_WEIGHT}) FROM {SOURCE} AS spent JOIN gpu_target USING (target) GROUP BY hour, pool",  # noqa: S608
        ask.to_values(),
    )
    rates = rate_hours(hours, {(hour, pool): weight for hour, pool, weight in weights})
    connection.executemany("INSERT INTO gpu_rate VALUES (?, ?, ?)", ((*place, rate) for place, rate in rates.items()))
    shares = f"SELECT pool, sum({SHARE}) FROM {SPENT} WHERE pool IS NOT NULL GROUP BY pool"  # noqa: S608
    return _sum_idle(hours, dict(connection.execute(shares, ask.to_values())))


def _read_hours(connection: Connection, ask: Ask, versions: Sequence[PriceVersion]) -> list[PoolHour]:
    """Pools' hours, each at the prices that were in force; an hour in which they changed comes twice."""
    hours: list[PoolHour] = []
    for number, version in enumerate(versions):
        next_at = versions[number + 1].at_ns // MINUTE_NS if number + 1 < len(versions) else ask.to_hour * 60
        began_at = (
            version.at_ns // MINUTE_NS if number else 0
        )  # before the first version, its prices are the best guess
        times = connection.execute(
            "SELECT minute / 60, target, sum(replica_ms), sum(busy_ms) FROM pool_minute WHERE minute >= ? AND minute < ? GROUP BY 1, 2",
            (max(ask.from_hour * 60, began_at), min(ask.to_hour * 60, next_at)),
        ).fetchall()
        pools = {
            target: (price.pool, price.gpu_hour_nusd * price.gpus)
            for target, price in version.prices.items()
            if price.gpu_hour_nusd is not None
        }
        hours += price_hours(times, pools)
    return hours


def _sum_idle(hours: Sequence[PoolHour], shared: dict[str, int]) -> list[IdlePool]:
    pools: dict[str, list[PoolHour]] = {}
    for each in hours:
        pools.setdefault(each.pool, []).append(each)
    return [
        IdlePool(
            pool,
            round(sum(each.replica_ms for each in of_pool) / MS_IN_HOUR, 3),
            round(sum(each.busy_ms for each in of_pool) / MS_IN_HOUR, 3),
            cost := sum(each.cost_nusd for each in of_pool),
            cost - shared.get(pool, 0),
        )
        for pool, of_pool in sorted(pools.items())
    ]
