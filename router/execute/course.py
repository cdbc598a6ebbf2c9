"""Where one request has been, and where it goes next: the rules applied to what the fleet has to offer right now."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import structs

from turnout.models.cause import Cause
from turnout.models.errors import BudgetExceeded, NoTarget
from turnout.router.call import Call
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.retry_budget import RetryBudget
from turnout.router.execute.rules import RULES, fallbacks_for
from turnout.router.plan.breaker import CLOSED
from turnout.router.plan.constraints import Fits
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.query import Query
from turnout.router.plan.spill.spilling import EXCEPTIONS
from turnout.router.plan.strategies.named import Strategies
from turnout.router.plan.strategy import RoutePlan

NOTHING_LEFT = "nothing_left"
DIVERTED = "fallback_budget"


class Place(msgspec.Struct, frozen=True):
    """
    Where an attempt goes.

    Attributes:
        plan: the endpoint, and why that one.
        route: the model that answers: the one asked for, or a fallback.
        fallbacks: how many models were fallen back from.
        wildcard: what stands for the `*` in the target's model, where the model's name has one.
    """

    plan: RoutePlan
    route: ModelRoute
    fallbacks: int
    wildcard: str = ""


class Pause(msgspec.Struct, frozen=True):
    """Seconds to wait before the next place is looked for."""

    seconds: float


class Course:
    """
    Owns what one request has tried; one per request, and without I/O: `next` says what to do, `note` hears how it went.

    Every attempt that begins takes its number from `begin_attempt`, so that none has the same and `max_attempts` counts them all.

    The order after a failure: another place for the same model; the same place after a pause; another model; a place that was set aside for having
    failed others. A rate limit with a fallback of its own goes there before it waits, and the last of three or more attempts is kept for another
    model. The first move to another place of the model and the first to another model are free where the place's breaker is closed and its last
    answer wasn't a rate limit, and so is a move after nothing was sent; every other further attempt is paid from the retry budget.
    """

    __slots__ = (
        "_budget",
        "_call",
        "_catalogue",
        "_cause",
        "_draw",
        "_fallbacks",
        "_fleet",
        "_had_free",
        "_paused",
        "_repeats",
        "_route",
        "_silent",
        "_spill",
        "_strategies",
        "_tried",
        "_unpaid",
        "_visited",
        "_wildcard",
        "attempts",
    )

    def __init__(
        self, call: Call, fleet: Fleet, strategies: Strategies, budget: RetryBudget, draw: Callable[[], float]
    ) -> None:
        self._call = call
        self._fleet = fleet
        self._catalogue = fleet.catalogue
        self._strategies = strategies
        self._budget = budget
        self._draw = draw
        self._route = call.route
        self._wildcard = call.request.wildcard
        self._visited = {call.request.model}
        self._tried: list[Candidate] = []
        self._silent: list[Candidate] = []
        self._cause: Cause | None = None
        self._repeats = 0
        self._paused = False
        self._spill: Place | None = None
        self._unpaid = ""
        self._had_free: set[str] = set()
        self._fallbacks = 0
        self._begin_as_chosen()
        self.attempts = 0

    def __repr__(self) -> str:
        return f"<Course {self._route.name} attempts={self.attempts} cause={self._cause}>"

    @property
    def call(self) -> Call:
        """The request."""
        return self._call

    @property
    def model(self) -> str:
        """The public name asked for."""
        return self._call.route.name

    @property
    def cause(self) -> Cause | None:
        """Why the last attempt failed, or None before the first."""
        return self._cause

    @property
    def may_attempt(self) -> bool:
        """Whether one more attempt is allowed."""
        return self.attempts < self._call.route.retries.max_attempts

    def begin_attempt(self) -> int:
        """The number of an attempt that begins now, from 1."""
        self.attempts += 1
        return self.attempts

    def divert(self, model: str) -> None:
        """Begin with a cheaper model, as a budget asks for, if it's there and serves this."""
        route = self._catalogue.find(model)
        label = self._call.request.operation.label
        if route is not None and label in route.operations and self._fleet.candidates(route.name):
            self._cause = Cause.BUDGET
            self._paused = True
            self._enter(route, model)

    def note(self, candidate: Candidate, cause: Cause) -> None:
        """Hear that an attempt failed there."""
        self._cause = cause
        self._tried.append(candidate)
        if RULES[cause].is_silent:
            self._silent += self._all_of_host(candidate)
            self._tried += self._silent

    def note_unpaid(self, candidate: Candidate, reason: str) -> None:
        """Hear that an attempt there can't be paid."""
        self._unpaid = reason
        self.note(candidate, Cause.BUDGET)

    def skip(self, candidate: Candidate) -> None:
        """Hear that a place can't go on with what the client has of an answer."""
        self._tried.append(candidate)

    def decline(self, candidate: Candidate) -> None:
        """Hear that an attempt there was begun by nobody, since it's in reserve and its budget doesn't cover this."""
        self.attempts -= 1
        self._silent.append(candidate)

    def look_again(self, place: Place, now: float) -> Place:
        """`place`, or another for the same model if nothing may begin there any more."""
        if place.plan.candidate.may_begin(now):
            return place
        try:
            plan = self._plan(place.route, self._tried, now)
        except NoTarget:
            return place
        return Place(self._explain(plan), place.route, place.fallbacks, place.wildcard)

    def try_spill(self, now: float) -> bool:
        """Turn to another model because this one's line is full, if there is one; the attempt that was to begin hasn't."""
        self.attempts -= 1
        self._spill = self._try_fall_back(None, now)
        return self._spill is not None

    def find_beside(self, place: Place, now: float) -> Place | None:
        """Another place for the same model, for an attempt beside the one that runs at `place`."""
        try:
            plan = self._plan(self._route, (place.plan.candidate,), now)
        except NoTarget:
            return None
        if plan.reason in EXCEPTIONS:
            return None
        return Place(_rename(plan, "hedge"), self._route, self._fallbacks, self._wildcard)

    def next(self, now: float) -> Place | Pause:
        """
        The next thing to do at `now` (loop time).

        Raises:
            NoTarget: nothing is left to try; its `retry_after_s` says when something may be.
            BudgetExceeded: nothing is left that could be paid.
        """
        try:
            return self._next(now)
        except NoTarget:
            if self._unpaid:
                raise BudgetExceeded(self._unpaid) from None
            raise

    def _begin_as_chosen(self) -> None:
        """Turn to the chosen model before anything is tried; one that's gone from the config since leaves it at the one asked for."""
        choice = self._call.choice
        route = None if choice is None else self._catalogue.find(choice.model)
        if choice is not None and route is not None:
            self._route, self._wildcard = route, route.wildcard_of(choice.model)
            self._visited = {choice.model}

    def _next(self, now: float) -> Place | Pause:
        if self._spill is not None:
            spill, self._spill = self._spill, None
            return spill
        if self._cause is None or self._paused:
            self._paused = False
            return self._begin(now)
        if not self.may_attempt or now >= self._call.constraints.deadline_at:
            raise NoTarget(NOTHING_LEFT)
        return self._go_on(self._cause, now)

    def _begin(self, now: float) -> Place | Pause:
        """Any place of the current model; before the first attempt, and after a pause."""
        try:
            plan = self._plan(self._route, self._silent, now)
            return self._place(_rename(plan, DIVERTED) if self._cause is Cause.BUDGET else plan)
        except NoTarget as nothing:
            found = (
                self._try_fall_back(self._cause or _cause_of(nothing), now)
                or self._try_last_resort(self._silent, now)
                or self._try_wait_for_rest(now)
            )
            if found is None:
                raise nothing from None
            return found

    def _go_on(self, cause: Cause, now: float) -> Place | Pause:
        """After a failure."""
        rule = RULES[cause]
        found: Place | Pause | None = None
        if 1 < self.attempts == self._call.route.retries.max_attempts - 1:
            found = self._try_fall_back(cause, now)
        if found is None and rule.rotates:
            found = self._try_rotate(cause, now)
        if found is None and cause is Cause.RATE_LIMITED and self._call.route.fallbacks.rate_limit:
            found = self._try_fall_back(cause, now)
        if found is None and rule.repeats:
            found = self._try_repeat(now)
        if found is None and rule.falls_back:
            found = self._try_fall_back(cause, now)
        if found is None and rule.rotates:
            found = self._try_last_resort(self._tried, now)
        if found is None:
            raise NoTarget(NOTHING_LEFT)
        return found

    def _try_rotate(self, cause: Cause, now: float) -> Place | None:
        try:
            plan = self._plan(self._route, self._tried, now)
        except NoTarget:
            return None
        return self._place(plan) if self._may_move(plan, cause, now) else None

    def _try_repeat(self, now: float) -> Pause | None:
        """The same places once more, after a pause with full jitter or as long as the provider asked, whichever is longer."""
        retries = self._call.route.retries
        if self._repeats >= retries.same_target:
            return None
        most_s = min(retries.backoff_max_s, retries.backoff_first_s * 2.0**self._repeats)
        wait_s = max(self._draw() * most_s, self._rest_s(now))
        if not self._may_wait(wait_s, now) or not self._may_spend(now):
            return None
        self._repeats += 1
        return self._pause(wait_s)

    def _try_fall_back(self, cause: Cause | None, now: float) -> Place | None:
        call = self._call
        others = () if call.choice is None else call.choice.others
        for name in fallbacks_for(cause, call.route.fallbacks, call.request.fallbacks, others):
            route = self._catalogue.find(name)
            if name in self._visited or route is None or self._call.request.operation.label not in route.operations:
                continue
            try:
                plan = self._plan(route, self._silent, now)
            except NoTarget:
                continue
            if self.attempts and not self._may_move(plan, cause, now, is_same_model=False):
                continue
            self._enter(route, name)
            reason = f"fallback_{cause.value if cause else 'unavailable'}"
            return self._place(_rename(plan, reason))
        return None

    def _try_last_resort(self, tried: Sequence[Candidate], now: float) -> Place | None:
        """A place that was set aside for its failures: trying it is better than refusing."""
        try:
            plan = self._plan(self._route, tried, now, even_ejected=True)
        except NoTarget:
            return None
        if self.attempts and not self._may_move(plan, self._cause, now):
            return None
        return self._place(plan)

    def _try_wait_for_rest(self, now: float) -> Pause | None:
        """All places are rate limited: wait for the first, if that's short."""
        wait_s = self._rest_s(now)
        if wait_s <= 0 or self._repeats >= self._call.route.retries.same_target or not self._may_wait(wait_s, now):
            return None
        self._repeats += 1
        return self._pause(wait_s)

    def _pause(self, seconds: float) -> Pause:
        self._paused = True
        self._tried = [*self._silent]
        return Pause(seconds)

    def _enter(self, route: ModelRoute, model: str) -> None:
        self._route, self._wildcard = route, route.wildcard_of(model)
        self._visited.add(model)
        self._tried = [*self._silent]
        self._repeats = 0
        self._fallbacks += 1

    def _all_of_host(self, candidate: Candidate) -> list[Candidate]:
        """A candidate and its target's others at the same address: another key doesn't make a silent server speak."""
        address = (candidate.endpoint.host, candidate.endpoint.port)
        return [
            each
            for each in {*self._fleet.candidates(self._route.name), candidate}
            if each.target.name == candidate.target.name and (each.endpoint.host, each.endpoint.port) == address
        ]

    def _plan(
        self, route: ModelRoute, tried: Sequence[Candidate], now: float, *, even_ejected: bool = False
    ) -> RoutePlan:
        call = self._call
        query = Query(call.constraints, call.features, now, tried, even_ejected, call.principal.tenant)
        return self._strategies.of(route, call.constraints).plan(self._fleet.candidates(route.name), query)

    def _place(self, plan: RoutePlan) -> Place:
        return Place(self._explain(plan), self._route, self._fallbacks, self._wildcard)

    def _explain(self, plan: RoutePlan) -> RoutePlan:
        """`plan` with why its model was chosen, where it was: that says more than how it picked among its places, exceptions aside."""
        choice = self._call.choice
        if choice is None or self._fallbacks or plan.reason in EXCEPTIONS:
            return plan
        return structs.replace(plan, reason=choice.reason)

    def _may_move(self, plan: RoutePlan, cause: Cause | None, now: float, *, is_same_model: bool = True) -> bool:
        """Whether another attempt elsewhere is free or can be paid."""
        if cause is Cause.NEVER_SENT:
            return True
        kind = "rotation" if is_same_model else "fallback"
        candidate = plan.candidate
        is_well = not candidate.is_limited and (candidate.breaker is None or candidate.breaker.state(now) == CLOSED)
        if is_well and kind not in self._had_free:
            self._had_free.add(kind)
            return True
        return self._may_spend(now)

    def _may_spend(self, now: float) -> bool:
        retries = self._call.route.retries
        return self._budget.try_spend(retries.budget_share, retries.budget_floor, now)

    def _rest_s(self, now: float) -> float:
        """Seconds until the first of the model's places that only rests may be asked again; 0 if one may now, or none only rests."""
        call = self._call
        query = Query(call.constraints, call.features, now, self._silent)
        places = self._strategies.of(self._route, call.constraints).admitted(
            self._fleet.candidates(self._route.name), query
        )
        if any(each.may_begin(now, even_ejected=True) for each in places):
            return 0.0
        ends = [each.rest_until for each in places if each.may_begin(each.rest_until, even_ejected=True)]
        return min((end - now for end in ends if end > now), default=0.0)

    def _may_wait(self, wait_s: float, now: float) -> bool:
        return wait_s <= self._call.route.retries.max_wait_s and now + wait_s < self._call.constraints.deadline_at


def _cause_of(nothing: NoTarget) -> Cause | None:
    """What it comes to when no place was even tried."""
    return Cause.CONTEXT_WINDOW if nothing.reasons == frozenset({Fits.code}) else None


def _rename(plan: RoutePlan, reason: str) -> RoutePlan:
    """The same place for another reason, and at once."""
    return structs.replace(plan, reason=reason, pacing=None)
