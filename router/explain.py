"""Remembers why the last requests went where they did, and tells it when somebody asks."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from turnout.models.access import Principal
from turnout.models.decision import Considered, Decision, Happened, Prediction, Weighed
from turnout.models.ledger import LedgerEntry
from turnout.router.call import Arrival, Way
from turnout.router.catalogue import ModelRoute
from turnout.router.plan.constraints import FILTERS
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.predict.outlook import Forecast
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.cost import price_pusd
from turnout.router.plan.strategy import TRIED, Foreseen, RoutePlan
from turnout.router.values import Constraints, Features

KEPT = 2_000
"""Requests that are remembered: about 4 MB with 8 endpoints a model, and half a minute's worth at 60 requests a second."""

TROUBLED_A_SECOND = 20
"""Of requests that needed more than one attempt, whatever the share, so many a second are told."""

RESTING = "resting"


class DecisionSink(Protocol):
    """Takes rows without waiting; they are written soon. The Outbox is one."""

    def put_entry(self, entry: LedgerEntry) -> None:
        """Queue a ledger row."""
        ...

    def put_decision(self, decision: Decision) -> None:
        """Queue a decision."""
        ...


class Choice(msgspec.Struct):
    """
    One attempt in the fewest words, made anew from what lives on anyway; the request's body isn't among it. Changed by its Explanations alone.

    Attributes:
        arrival, principal: of the request.
        model: the public name asked for.
        route: the model whose places were looked at.
        plan: the place, and what it was compared with.
        candidates: all that the model had then.
        in_flight: attempts at each of `plan.ranked` then.
        number: which attempt it is.
        fallbacks: how many models were fallen back from.
        sent_at: loop time.
        constraints, prompt_tokens, max_output_tokens, is_stream: of the request.
        before: the attempt before it.
        weighed: the models that were to choose from, if there were several.
        is_sampled: it's told whatever comes of it.
        first_at: loop time of the first content of a stream, or None.
        cause: why it failed, or "".
        entry: its row in the ledger, once it's over.
    """

    arrival: Arrival
    principal: Principal
    model: str
    route: ModelRoute
    plan: RoutePlan
    candidates: Sequence[Candidate]
    in_flight: Sequence[int]
    number: int
    fallbacks: int
    sent_at: float
    constraints: Constraints
    prompt_tokens: int
    max_output_tokens: int | None
    is_stream: bool
    weighed: tuple[Weighed, ...]
    before: "Choice | None"
    is_sampled: bool
    first_at: float | None = None
    cause: str = ""
    entry: LedgerEntry | None = None


class Explanations:
    """
    Owns the choices made for the last requests, 2,000 of them; the oldest is forgotten for the newest.

    Stands in front of the outbox for ledger rows, since these tell what came of an attempt. A share of the requests, and of those that needed more
    than one attempt up to 20 a second, are told to Control when they are over.

    Attributes:
        share: of requests that are told, 0 to 1; 0 tells none.
    """

    def __init__(
        self, sink: DecisionSink, now: Callable[[], float], draw: Callable[[], float], kept: int = KEPT
    ) -> None:
        """
        Args:
            sink: where rows and decisions go.
            now: loop time.
            draw: numbers in [0, 1).
            kept: requests that are remembered.
        """
        self._sink = sink
        self._now = now
        self._draw = draw
        self._kept = kept
        self._last: OrderedDict[str, Choice] = OrderedDict()
        self._second = 0
        self._told = 0
        self.share = 0.0

    def __repr__(self) -> str:
        return f"<Explanations of {len(self._last)} requests, share {self.share:g}>"

    @property
    def kept(self) -> int:
        """How many requests are remembered."""
        return self._kept

    def begin(self, way: Way, candidates: Sequence[Candidate]) -> Choice:
        """An attempt is about to be sent; `first_at` and `cause` are written into what this returns."""
        call, plan, last = way.call, way.plan, self._last
        arrival, features = call.arrival, call.features
        before = last.get(arrival.id)
        choice = last[arrival.id] = Choice(
            arrival,
            call.principal,
            call.route.name,
            way.route,
            plan,
            candidates,
            [each.in_flight for each in plan.ranked],
            way.number,
            way.fallbacks,
            way.sent_at,
            call.constraints,
            features.prompt_tokens,
            features.max_output_tokens,
            call.request.is_stream,
            () if call.choice is None else call.choice.weighed,
            before,
            before.is_sampled if before is not None else self._draw() < self.share,
        )
        if before is None and len(last) > self._kept:
            last.popitem(last=False)
        return choice

    def put_entry(self, entry: LedgerEntry) -> None:
        """See `DecisionSink`; the row tells what came of the attempt."""
        choice = self._last.get(entry.request_id)
        while choice is not None and choice.number != entry.attempt:
            choice = choice.before
        if choice is not None:
            choice.entry = entry
        self._sink.put_entry(entry)

    def finish(self, request_id: str) -> None:
        """A request is over: tell Control of it, if it's one of those that are told."""
        if not self.share:
            return
        last = self._last.get(request_id)
        if last is None or not (last.is_sampled or (last.before is not None and self._may_tell())):
            return
        weight = 1.0 if last.before is not None else 1.0 / self.share
        for decision in self.find(request_id):
            self._sink.put_decision(msgspec.structs.replace(decision, weight=weight))

    def find(self, request_id: str) -> tuple[Decision, ...]:
        """
        Every attempt of a request, in order; () where it isn't known, or no longer.

        Args:
            request_id: ours, or the caller's own, which takes a millisecond to look for: the newest that has it is meant.
        """
        choices: list[Choice] = []
        choice = self._last.get(request_id) or self._find_echoed(request_id)
        while choice is not None:
            choices.append(choice)
            choice = choice.before
        return tuple(_describe(each) for each in reversed(choices))

    def _find_echoed(self, request_id: str) -> Choice | None:
        echoed = request_id.encode()
        return next((each for each in reversed(self._last.values()) if each.arrival.echo_id == echoed), None)

    def _may_tell(self) -> bool:
        second = int(self._now())
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        return self._told <= TROUBLED_A_SECOND


def _describe(choice: Choice) -> Decision:
    arrival, candidate = choice.arrival, choice.plan.candidate
    return Decision(
        request_id=arrival.id,
        attempt=choice.number,
        at_ns=arrival.at_ns + int((choice.sent_at - arrival.started_at) * 1e9),
        tenant=choice.principal.tenant,
        model=choice.model,
        answering=choice.route.name,
        strategy="+".join(name for name, _ in choice.route.routing.strategy),
        reason=choice.plan.reason,
        target=candidate.target.name,
        endpoint=candidate.endpoint.id,
        prompt_tokens=choice.prompt_tokens,
        max_output_tokens=choice.max_output_tokens,
        is_stream=choice.is_stream,
        considered=_list_considered(choice),
        happened=None if choice.entry is None else _tell_end(choice, choice.entry),
        weighed=choice.weighed,
    )


def _list_considered(choice: Choice) -> tuple[Considered, ...]:
    """Who was compared as it was then; for the others, why not: what must hold is looked at again, what rested was noted."""
    plan = choice.plan
    features = Features(choice.prompt_tokens, choice.max_output_tokens)
    compared = {each: at for at, each in enumerate(plan.ranked)}
    forecasts: Sequence[Forecast | None] = plan.scores.forecasts if isinstance(plan.scores, Foreseen) else ()
    found: list[Considered] = []
    for each in dict.fromkeys((*choice.candidates, plan.candidate)):
        target, at = each.target, compared.get(each)
        price = price_pusd(target, features)
        price_nusd = None if price is None else (price + 500) // 1000
        if at is None:
            code = "" if each is plan.candidate else _why_not(each, choice, features)
            found.append(Considered(target.name, each.endpoint.id, code, None, None, price_nusd))
            continue
        seen = forecasts[at] if forecasts else None
        prediction = None if seen is None else Prediction(*msgspec.structs.astuple(seen))
        found.append(
            Considered(
                target.name,
                each.endpoint.id,
                "",
                round(plan.scores[at], 6),
                choice.in_flight[at],
                price_nusd,
                prediction,
            )
        )
    return tuple(found)


def _why_not(candidate: Candidate, choice: Choice, features: Features) -> str:
    """The code of why an endpoint wasn't compared."""
    earlier = choice.before
    while earlier is not None:
        if earlier.plan.candidate is candidate:
            return TRIED
        earlier = earlier.before
    query = Query(choice.constraints, features, choice.sent_at)
    for each in FILTERS:
        if each.concerns(query) and not each.admits(candidate, query):
            return each.code
    return next((code for unwell, code in choice.plan.unwell if unwell is candidate), RESTING)


def _tell_end(choice: Choice, entry: LedgerEntry) -> Happened:
    first_at = choice.first_at if choice.is_stream else None
    return Happened(
        entry.status,
        entry.failure,
        choice.cause,
        None if first_at is None else int((first_at - choice.sent_at) * 1e6),
        entry.total_us,
        entry.input_tokens,
        entry.output_tokens,
        entry.cache_read_tokens,
        entry.cost_nusd,
    )
