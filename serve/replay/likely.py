"""What a request would have come to at a target where it wasn't: what came of those that were there and were most like it."""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable
from random import Random

from turnout.serve.replay.recorded import Request

NEIGHBOURS = 10
"""One of so many is drawn: enough that no single slow answer counts for all that are like it."""

MOST_OF_A_TARGET = 400
"""Requests of one target that others are compared with, spread evenly over time: drawing takes a tenth of a millisecond then."""

LEAST = 5
"""Requests that a target must have answered before anything is said of it."""


class Likely:
    """
    Owns what is known of each target, by the requests that it had.

    Alike are those with about as many prompt tokens and about as much in flight there: both by factors, since the step from 1 to 2 matters more than
    that from 101 to 102.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        by_target: dict[str, list[Request]] = defaultdict(list)
        for request in requests:
            by_target[request.first.target].append(request)
        self._seen: dict[str, list[tuple[float, float, Request]]] = {
            target: [
                (*_place(each.first.prompt_tokens, find_in_flight(each)), each)
                for each in had[:: math.ceil(len(had) / MOST_OF_A_TARGET)]
            ]
            for target, had in by_target.items()
        }

    def knows(self, target: str) -> bool:
        """Whether enough is known of it."""
        return len(self._seen.get(target, ())) >= LEAST

    def draw(self, target: str, request: Request, in_flight: float, rng: Random) -> Request:
        """One of those at `target` that are most like `request` would be with so much in flight there; it must be known."""
        tokens, load = _place(request.first.prompt_tokens, in_flight)
        is_stream = request.first.is_stream
        nearest = heapq.nsmallest(
            NEIGHBOURS,
            self._seen[target],
            key=lambda each: abs(each[0] - tokens) + abs(each[1] - load) + (each[2].first.is_stream is not is_stream),
        )
        return rng.choice(nearest)[2]


def find_in_flight(request: Request) -> float:
    """What was in flight where it went; 0 where nobody noted it."""
    first = request.first
    for each in first.considered:
        if (each.target, each.endpoint) == (first.target, first.endpoint):
            return each.in_flight or 0
    return 0


def _place(prompt_tokens: int, in_flight: float) -> tuple[float, float]:
    return math.log1p(prompt_tokens), math.log1p(max(0.0, in_flight))
