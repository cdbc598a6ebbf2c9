"""What other settings change, in cost and in requests that are in time, and how sure that is."""

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.serve.replay.recorded import Request, Result
from turnout.serve.replay.world import Played

RESAMPLES = 1000
SURE = (2.5, 97.5)
"""Percentiles: of a hundred such intervals, 95 hold what they are about, as far as the recorded traffic is like what comes."""


class Change(msgspec.Struct, frozen=True):
    """A mean before, the mean after, and the interval of the difference of the two."""

    before: float
    after: float
    low: float
    high: float

    @property
    def by(self) -> float:
        """The difference."""
        return self.after - self.before


class Difference(msgspec.Struct, frozen=True):
    """
    What replaying says of one model.

    Attributes:
        model: its public name.
        requests: that were replayed.
        stand_for: how many those stand for.
        moved: share of them that would go to another target than before.
        unanswered: recorded requests that these settings have nobody for.
        unpriced: left out of the cost, since one of the two isn't known.
        cost_usd: a request's mean cost, in USD; None where no price is known.
        in_time: share of requests with a first token (or a whole answer, where it wasn't streamed) within the objective.
        shares: of the requests, by target, before and after.
    """

    model: str
    requests: int
    stand_for: float
    moved: float
    unanswered: int
    unpriced: int
    cost_usd: Change | None
    in_time: Change
    shares: dict[str, tuple[float, float]]


Run = Sequence[Played | None]


def compare(
    model: str,
    requests: Sequence[Request],
    after: Sequence[Run],
    objective_s: float,
    seed: int,
    before: Sequence[Run] | None = None,
) -> Difference | None:
    """
    The difference; None where no request could be replayed.

    Requests that come one after the other are alike, so blocks of them are drawn anew for the interval, not single ones (the moving block bootstrap).

    Args:
        requests: n, in the order in which they were sent.
        after: what becomes of them, in several runs with other random choices.
        objective_s: a first token is in time when it comes so soon.
        seed: of the resampling.
        before: what became of them in as many runs; what was recorded unless said.

    Source: Künsch, The jackknife and the bootstrap for general stationary observations (Annals of Statistics, 1989).
    """
    recorded = [Played(each.first.target, each.result, is_moved=False) for each in requests]
    starts: Sequence[Run] = before or [recorded] * len(after)
    rows = [
        (request, old[at], new[at])
        for old, new in zip(starts, after, strict=True)
        for at, request in enumerate(requests)
    ]
    both = [(request, was, would) for request, was, would in rows if was is not None and would is not None]
    if not both:
        return None
    weights = _floats([request.weight for request, _, _ in both])
    known = np.array([None not in (was.result.cost_nusd, would.result.cost_nusd) for _, was, would in both])
    runs, rng = len(after), np.random.default_rng(seed)
    costs = _floats([[_usd(was.result), _usd(would.result)] for _, was, would in both])
    in_time = _floats(
        [[_is_in_time(was.result, objective_s), _is_in_time(would.result, objective_s)] for _, was, would in both]
    )
    moved = _floats([would.target != was.target for _, was, would in both])
    return Difference(
        model,
        len(requests),
        float(sum(request.weight for request in requests)),
        float(np.average(moved, weights=weights)),
        (len(rows) - len(both)) // runs,
        int((~known).sum()) // runs,
        _change(costs[known], weights[known], runs, rng) if known.any() else None,
        _change(in_time, weights, runs, rng),
        _count_shares(both),
    )


def _change(values: NDArray[np.float64], weights: NDArray[np.float64], runs: int, rng: np.random.Generator) -> Change:
    """
    Means, and the interval of their difference, by blocks of consecutive requests; a request's runs are no more evidence than one.

    Args:
        values: float64 (n, 2), before and after.
        weights: float64 (n,).
    """
    count = len(values)
    size = max(1, count // runs)
    block = max(1, math.isqrt(size))
    starts = rng.integers(0, count - block + 1, (RESAMPLES, max(1, size // block)))
    places = (starts[:, :, None] + np.arange(block)).reshape(RESAMPLES, -1)
    drawn = weights[places]
    means = (drawn * (values[:, 1] - values[:, 0])[places]).sum(axis=1) / drawn.sum(axis=1)
    low, high = (float(np.percentile(means, at)) for at in SURE)
    before, after = np.average(values, axis=0, weights=weights)
    return Change(float(before), float(after), low, high)


def _count_shares(both: Sequence[tuple[Request, Played, Played]]) -> dict[str, tuple[float, float]]:
    before, after = defaultdict[str, float](float), defaultdict[str, float](float)
    for request, was, would in both:
        before[was.target] += request.weight
        after[would.target] += request.weight
    whole = sum(before.values())
    return {name: (before[name] / whole, after[name] / whole) for name in sorted(before.keys() | after.keys())}


def _is_in_time(result: Result, objective_s: float) -> bool:
    return result.wait_s is not None and result.wait_s <= objective_s


def _usd(result: Result) -> float:
    return 0.0 if result.cost_nusd is None else result.cost_nusd / 1e9


def _floats(values: Sequence[float] | Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)
