"""Decides how many replicas a pool should have, from the requests in flight that the replicas count themselves."""

import math
from collections.abc import Mapping
from typing import Any

IN_FLIGHT = "in_flight"
"""The key under which replicas report, in `record_autoscaling_stats`."""


def replicas_for(in_flight: float, target_in_flight: float, least: int, most: int) -> int:
    """
    The replicas that keep each close to its target.

    Args:
        in_flight: requests in flight in the whole pool, a mean over Serve's look-back period.
        target_in_flight: requests one replica should have; > 0.
        least, most: bounds; 0 <= least <= most.

    Returns:
        `ceil(in_flight / target_in_flight)` within the bounds.
    """
    # A mean of counts is seldom a round number: 16.0000001 of 8 must not ask for a third replica.
    wanted = math.ceil(round(in_flight / target_in_flight, 6))
    return max(least, min(most, wanted))


class InFlightPolicy:
    """
    Serve's autoscaling policy for replicas with listeners of their own, whose requests Serve doesn't see.

    Serve calls it in the controller about every 0.1 s, adds `upscale_delay_s` and `downscale_delay_s`, and pickles this module by value: nothing here
    may block or need an import that the controller lacks.
    """

    def __init__(self, target_in_flight: float) -> None:
        self._target_in_flight = target_in_flight

    def __call__(self, ctx: Any) -> tuple[int, dict[str, Any]]:
        """The replicas wanted, for Serve's `AutoscalingContext`; as many as there are while none has reported yet."""
        counts: Mapping[Any, float] = (ctx.aggregated_metrics or {}).get(IN_FLIGHT) or {}
        if not counts:
            return ctx.target_num_replicas, {}
        least, most = ctx.capacity_adjusted_min_replicas, ctx.capacity_adjusted_max_replicas
        return replicas_for(sum(counts.values()), self._target_in_flight, least, most), {}
