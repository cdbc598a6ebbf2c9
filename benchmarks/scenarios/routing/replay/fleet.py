"""Simulated replicas under a strategy: the router's own planning code decides, and hears of what happens as it would from real engines."""

import heapq
import math
from collections.abc import Sequence as Rows
from dataclasses import dataclass

from turnout.benchmarks.scenarios.routing.replay.replica import Engine, Replica, Sequence
from turnout.benchmarks.scenarios.routing.replay.traces import Request
from turnout.models.errors import NoTarget
from turnout.models.target import Endpoint, Load, Target
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.pacing import Held, Pacing
from turnout.router.plan.predict.blocks import Blocks
from turnout.router.plan.predict.work import Stay
from turnout.router.plan.query import Query
from turnout.router.plan.strategy import RoutePlan, Strategy
from turnout.router.values import Constraints, Features

ANYWHERE = Constraints(is_local_only=False, deadline_at=math.inf)
_LEAST_S = 0.001


@dataclass(slots=True)
class Visit:
    """
    One request's stay at one replica, as the router and as the replica see it.

    Attributes:
        place: number of the replica.
        begun_at: when it was sent there, in seconds of the trace.
        foreseen_s: how long its first token was expected to take from then on; 0 where nothing was known.
    """

    sequence: Sequence
    place: int
    begun_at: float
    foreseen_s: float
    stay: Stay

    @property
    def first_s(self) -> float:
        """Seconds from the request's arrival to its first token."""
        return self.sequence.first_at - self.sequence.request.at_s

    @property
    def token_s(self) -> float | None:
        """Seconds from token to token, or None for a single one."""
        tokens = self.sequence.request.output_tokens - 1
        return (self.sequence.ended_at - self.sequence.first_at) / tokens if tokens else None


@dataclass(frozen=True, slots=True)
class Change:
    """At `at_s`, the replica `place` becomes another engine."""

    at_s: float
    place: int
    engine: Engine


def describe(request: Request) -> Features:
    """What the router is told of a request of a trace."""
    return Features(request.prompt_tokens, None, blocks=Blocks(b"", request.blocks))


def make_candidates(count: int) -> list[Candidate]:
    """Endpoints of one pool."""
    target = Target("pool", "m", "openai_compatible", pool="pool", is_local=True, breaker=None)
    return [Candidate(target, Endpoint(f"r{number}", "127.0.0.1", 1)) for number in range(count)]


class SimulatedFleet:
    """
    Owns replicas, what the router knows of them, and the clock, for one replay of one trace.

    Attributes:
        visits: one for each request that a replica got.
        refused: the other requests.
    """

    def __init__(
        self,
        strategy: Strategy,
        engines: Rows[Engine],
        changes: Rows[Change] = (),
        constraints: Constraints = ANYWHERE,
    ) -> None:
        """
        Args:
            strategy: plans.
            engines: one replica each.
            changes: of replicas, on the way.
            constraints: of every request.
        """
        self._constraints = constraints
        self._strategy = strategy
        self._changes = changes
        self.replicas = [Replica(engine) for engine in engines]
        self.candidates = make_candidates(len(engines))
        self.visits: list[Visit] = []
        self.refused: list[Request] = []
        self._under_way: dict[Sequence, Visit] = {}
        self._held: dict[Held, tuple[Request, Rows[Candidate]]] = {}
        self._pacing: Pacing | None = None
        self._events: list[tuple[float, int]] = []
        self._wakes_at = math.inf

    def __repr__(self) -> str:
        return f"<SimulatedFleet of {len(self.replicas)}, {len(self.visits)} visits>"

    def run(self, requests: Rows[Request]) -> list[Visit]:
        """Replay all of it; the visits in the order in which they began."""
        arrivals = iter(requests)
        coming = next(arrivals, None)
        changes = iter(sorted(self._changes, key=lambda change: change.at_s))
        change = next(changes, None)
        while coming is not None or self._events or self._wakes_at < math.inf:
            now = min(
                math.inf if coming is None else coming.at_s,
                self._events[0][0] if self._events else math.inf,
                self._wakes_at,
            )
            while change is not None and change.at_s <= now:
                self.replicas[change.place].engine = change.engine
                change = next(changes, None)
            if self._events and self._events[0][0] == now:
                self._step(*heapq.heappop(self._events))
            elif now == self._wakes_at:
                self._wakes_at = math.inf
                self._pump(now)
            elif coming is not None:
                self.arrive(coming)
                coming = next(arrivals, None)
        return self.visits

    def arrive(self, request: Request) -> None:
        """A request comes."""
        try:
            plan = self._strategy.plan(self.candidates, Query(self._constraints, describe(request), request.at_s))
        except NoTarget:
            self.refused.append(request)
            return
        self.place(request, plan)

    def place(self, request: Request, plan: RoutePlan) -> None:
        """A request that goes to a replica is sent there, or held back."""
        now = request.at_s
        outlook = plan.candidate.foreseen()
        new_tokens = outlook.count_new(request.prompt_tokens, request.blocks)
        self._pacing = plan.pacing
        if plan.pacing is None or plan.pacing.may_begin(outlook, request.prompt_tokens, new_tokens, now):
            self._begin(request, plan.candidate, now, is_long=False)
            return
        ranked = plan.ranked or (plan.candidate,)
        held = Held([each.foreseen() for each in ranked], request.prompt_tokens, request.blocks, now)
        self._held[held] = (request, ranked)
        plan.pacing.add(held)
        self._pump(now)

    def _begin(self, request: Request, candidate: Candidate, now: float, *, is_long: bool) -> None:
        place = self.candidates.index(candidate)
        outlook, sequence = candidate.foreseen(), Sequence(request)
        seen = outlook.foresee(request.prompt_tokens, request.blocks, now)
        stay = outlook.begin(request.prompt_tokens, request.blocks, now)
        if is_long:
            outlook.work.mark_long(stay)
        visit = Visit(sequence, place, now, seen.first_s, stay)
        self.visits.append(visit)
        self._under_way[sequence] = visit
        candidate.in_flight += 1
        replica = self.replicas[place]
        before = replica.ends_at
        replica.accept(sequence, now)
        if replica.ends_at != before:
            self._schedule(place)

    def _step(self, now: float, place: int) -> None:
        replica, candidate = self.replicas[place], self.candidates[place]
        if replica.ends_at != now:
            return  # cut short since
        firsts, ends = replica.finish(now)
        self._schedule(place)
        outlook = candidate.foreseen()
        for sequence in firsts:
            outlook.first(self._under_way[sequence].stay, now)
        if firsts:
            load = Load(replica.running, len(replica.waiting), replica.cache.used, replica.prefill_tokens)
            candidate.load = load
            outlook.heed(load, now)
        for sequence in ends:
            candidate.in_flight -= 1
            outlook.end(self._under_way.pop(sequence).stay, now, sequence.request.output_tokens)
        if firsts or ends:
            self._pump(now)

    def _pump(self, now: float) -> None:
        """Let go who may begin, and note when to look again."""
        pacing = self._pacing
        if pacing is None or not self._held:
            return
        while (held := pacing.next(now)) is not None:
            request, ranked = self._held.pop(held)
            self._begin(request, ranked[held.at], now, is_long=held.is_long)
        self._wakes_at = math.inf if pacing.wake_at is None else max(pacing.wake_at, now + _LEAST_S)

    def _schedule(self, place: int) -> None:
        ends_at = self.replicas[place].ends_at
        if ends_at < math.inf:
            heapq.heappush(self._events, (ends_at, place))
