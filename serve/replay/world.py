"""Plays recorded requests through the real strategies, under other settings."""

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from random import Random

import msgspec

from turnout.models.errors import NoTarget
from turnout.models.target import Endpoint, Target
from turnout.models.usage import Usage
from turnout.router.account import cost_of
from turnout.router.catalogue import ModelRoute
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.predict.outlook import Forecast, Outlook
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.named import compose
from turnout.router.plan.strategy import Strategy
from turnout.router.values import Constraints, Features
from turnout.serve.replay.likely import Likely
from turnout.serve.replay.recorded import Request, Result, list_endpoints

_ANYWHERE = Constraints(is_local_only=False, deadline_at=math.inf)
"""What must hold was looked at when it was recorded: who was left out then is left out now."""


class Played(msgspec.Struct, frozen=True):
    """
    One request under other settings.

    Attributes:
        target: where it would have gone.
        result: what it would have come to.
        is_moved: whether that's another target than the recorded one.
    """

    target: str
    result: Result
    is_moved: bool


class RecordedOutlook(Outlook):
    """An outlook that says again what was said then."""

    __slots__ = ("said",)

    def __init__(self) -> None:
        super().__init__()
        self.said = Forecast(0, 0.0, 0.0, 0.0, 0.0)
        for tokens in range(100, 1100, 100):
            self.pace.note_first(tokens, tokens / 1000, 0.0)  # what isn't known isn't asked

    def foresee(self, prompt_tokens: int, blocks: Sequence[int], now: float) -> Forecast:
        """See `Outlook`."""
        del prompt_tokens, blocks, now
        self.seen = self.said
        return self.said


class World:
    """
    Owns the candidates of one model, and what is in flight at them in this run.

    What others had in flight there is as it was recorded; what these requests would have had there instead of elsewhere comes on top, as often as
    each stands for others.
    """

    def __init__(self, route: ModelRoute, requests: Sequence[Request], likely: Likely, rng: Random) -> None:
        """
        Args:
            route: the model, as the other settings have it.
            requests: the model's own, in the order in which they were sent.
            likely: what would come of them elsewhere.
            rng: of the strategy and of what is drawn.
        """
        targets = {target.name: target for target in route.targets if target.weight > 0}
        self._known = {
            key: Candidate(targets[key[0]], Endpoint(key[1], "replay", 0))
            for key in list_endpoints(requests)
            if key[0] in targets
        }
        self._strategy = compose(route.routing, rng)
        self._requests = requests
        self._likely = likely
        self._rng = rng
        self._extra: dict[Candidate, float] = dict.fromkeys(self._known.values(), 0.0)
        self._ends: list[tuple[float, int, Candidate, float, Request | None]] = []
        self._order = itertools.count()

    def __repr__(self) -> str:
        return f"<World of {len(self._known)} endpoints under {self._strategy!r}>"

    def play(self) -> list[Played | None]:
        """What becomes of each request; None where these settings have nobody who could have it."""
        return [self._play(request) for request in self._requests]

    def _play(self, request: Request) -> Played | None:
        self._end_until(request.at_s)
        candidate = self._choose(self._strategy, request)
        if candidate is None:
            return None
        first, target = request.first, candidate.target
        there = self._known.get((first.target, first.endpoint))
        if there is not None:
            self._add(there, -request.weight, request.at_s + request.result.total_s, None)
        is_moved = target.name != first.target
        model = request
        if is_moved:
            model = self._likely.draw(target.name, request, candidate.in_flight, self._rng)
        result = _carry_over(request, model, target, is_moved=is_moved)
        self._add(candidate, request.weight, request.at_s + result.total_s, model)
        return Played(target.name, result, is_moved)

    def _choose(self, strategy: Strategy, request: Request) -> Candidate | None:
        first = request.first
        free: list[Candidate] = []
        saids: list[Forecast | None] = []
        for each in first.considered:
            candidate = self._known.get((each.target, each.endpoint))
            if (
                candidate is None
                or each.excluded
                or not (each.target == first.target or self._likely.knows(each.target))
            ):
                continue
            candidate.in_flight = max(0, round((each.in_flight or 0) + self._extra[candidate]))
            seen = each.prediction
            saids.append(None if seen is None else Forecast(*msgspec.structs.astuple(seen)))
            free.append(candidate)
        _say_again(free, saids)
        features = Features(first.prompt_tokens, first.max_output_tokens)
        try:
            return strategy.plan(free, Query(_ANYWHERE, features, request.at_s)).candidate
        except NoTarget:
            return None

    def _add(self, candidate: Candidate, weight: float, until_s: float, model: Request | None) -> None:
        self._extra[candidate] += weight
        heapq.heappush(self._ends, (until_s, next(self._order), candidate, weight, model))

    def _end_until(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            at_s, _, candidate, weight, model = heapq.heappop(self._ends)
            self._extra[candidate] -= weight
            if model is not None and model.result.wait_s is not None:
                _teach(candidate, model.result, at_s, is_stream=model.first.is_stream)


def play_models(
    routes: Mapping[str, ModelRoute], requests: Iterable[Request], likely: Likely, rng: Random
) -> dict[str, tuple[list[Request], list[Played | None]]]:
    """Every model's requests and what becomes of them; models that `routes` hasn't have none."""
    by_model: dict[str, list[Request]] = {name: [] for name in routes}
    for request in requests:
        if request.first.answering in by_model:
            by_model[request.first.answering].append(request)
    return {name: (had, World(routes[name], had, likely, rng).play()) for name, had in by_model.items() if had}


def _say_again(candidates: Sequence[Candidate], saids: Sequence[Forecast | None]) -> None:
    """Let outlooks say what was recorded, where that's there for all."""
    if not saids or None in saids:
        return
    for candidate, said in zip(candidates, saids, strict=True):
        outlook = candidate.outlook
        if not isinstance(outlook, RecordedOutlook):
            outlook = candidate.outlook = RecordedOutlook()
        if said is not None:
            outlook.said = said


def _teach(candidate: Candidate, result: Result, at_s: float, *, is_stream: bool) -> None:
    """Let an endpoint know how fast it was, as the router does."""
    assert result.wait_s is not None
    tokens = result.tokens[1]
    if is_stream:
        candidate.watched().note_stream(result.wait_s, max(0.0, result.total_s - result.wait_s), tokens, at_s)
    else:
        candidate.watched().note_whole(result.total_s, tokens, at_s)
    if candidate.outlook is None:
        candidate.foreseen()
    outlook = candidate.outlook
    if outlook is not None and not isinstance(outlook, RecordedOutlook) and is_stream:
        outlook.pace.note_first(result.tokens[0], result.wait_s, at_s)


def _carry_over(request: Request, model: Request, target: Target, *, is_moved: bool) -> Result:
    """The time that `model` took, and the price of this request's own tokens there."""
    own, seen = request.result, model.result
    if not is_moved:
        return own if own.cost_nusd is not None else msgspec.structs.replace(own, cost_nusd=_price(own, target))
    used = own if any(own.tokens) else seen
    cost_nusd = _price(msgspec.structs.replace(used, cached_tokens=0), target)
    if cost_nusd is None and seen.cost_nusd is not None and sum(seen.tokens):
        cost_nusd = round(seen.cost_nusd * sum(used.tokens) / sum(seen.tokens))
    return msgspec.structs.replace(seen, tokens=used.tokens, cached_tokens=0, cost_nusd=cost_nusd)


def _price(result: Result, target: Target) -> int | None:
    return cost_of(Usage(*result.tokens, result.cached_tokens), target)
