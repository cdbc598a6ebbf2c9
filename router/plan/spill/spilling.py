"""Plans a request at home, and at a target in reserve where that would be too slow or nobody is there."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from turnout.models.errors import NoTarget, Unservable
from turnout.router.plan.aims import Objective
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.spill.budget import SPILL_BUDGET
from turnout.router.plan.spill.spillways import Spillway
from turnout.router.plan.spill.terms import Spill
from turnout.router.plan.strategy import TOO_LATE, RoutePlan, Strategy

SPILL, BRIDGE = "spill", "bridge"
"""Why a target in reserve was chosen: the others would have been too slow, or none of them could answer."""

EXCEPTIONS = frozenset({SPILL, BRIDGE})
_SPENT = "What this tenant may spend an hour on targets in reserve is spent; raise the model's spill.usd_per_hour."


class Spilling:
    """
    A strategy that asks another twice: about the targets at home, and about those in reserve.

    The Filters of that strategy hold in both. Where what must hold leaves nobody at home, those in reserve are the right ones and are no exception.
    """

    def __init__(self, strategy: Strategy, terms: Spill, objective: Objective, way: Spillway) -> None:
        self.name = strategy.name
        self._strategy = strategy
        self._terms = terms
        self._objective = objective
        self._way = way

    def __repr__(self) -> str:
        return f"<Spilling {self._strategy!r} {self._way!r}>"

    def plan(self, candidates: Sequence[Candidate], query: Query) -> RoutePlan:
        """
        Choose one of `candidates` for the next attempt; see `Strategy.plan`.

        Raises:
            NoTarget: nobody may answer now, or only somebody whom the tenant's spill budget doesn't pay.
            Unservable: what must hold leaves nobody.
        """
        reserve = self._terms.to
        away = [c for c in candidates if c.target.name in reserve]
        if not away:
            return self._strategy.plan(candidates, query)
        home = [c for c in candidates if c.target.name not in reserve]
        try:
            here = self._strategy.plan(home, query)
        except Unservable:
            return self._strategy.plan(candidates, query)
        except NoTarget as nothing:
            if home and not self._strategy.admitted(home, structs.replace(query, tried=())):
                return self._strategy.plan(candidates, query)
            if TOO_LATE in nothing.reasons:
                self._way.is_wanted(2.0, query.now)
                return self._go_away(away, query, SPILL, nothing)
            self._way.note_bridge(query.now, is_needed=True)
            return self._go_away(away, query, BRIDGE, nothing)
        self._way.note_bridge(query.now, is_needed=False)
        share = self._foresee(here, query)
        if share is None or self._is_spent(query) or not self._way.is_wanted(share, query.now):
            return here
        return self._find_better(here, away, query)

    def admitted(self, candidates: Sequence[Candidate], query: Query) -> Sequence[Candidate]:
        """See `Strategy.admitted`."""
        return self._strategy.admitted(candidates, query)

    def exclusions(self, candidates: Sequence[Candidate], query: Query) -> Iterator[tuple[Candidate, str]]:
        """See `Strategy.exclusions`."""
        return self._strategy.exclusions(candidates, query)

    def _foresee(self, here: RoutePlan, query: Query) -> float | None:
        """How much of its objective the request would take there; None where a prediction would be a guess."""
        outlook, features = here.candidate.outlook, query.features
        if outlook is None or not outlook.pace.is_founded(query.now):
            return None
        seen = outlook.foresee(features.prompt_tokens, features.blocks.hashes, query.now)
        wait_s = 0.0 if here.pacing is None else here.pacing.wait_s
        share = (seen.first_s + wait_s) / self._objective.first_token_s
        token_s = self._objective.token_s
        return share if token_s is None else max(share, seen.token_s / token_s)

    def _is_spent(self, query: Query) -> bool:
        budget = self._way.budget
        return budget is not None and budget.left_nusd(query.tenant, query.now) <= 0

    def _find_better(self, here: RoutePlan, away: Sequence[Candidate], query: Query) -> RoutePlan:
        """The place in reserve, where one may answer and isn't known to be as slow."""
        try:
            there = self._go_away(away, query, SPILL, None)
        except NoTarget:
            return here
        share, elsewhere = self._foresee(here, query), self._foresee(there, query)
        return here if share is not None and elsewhere is not None and elsewhere >= share else there

    def _go_away(self, away: Sequence[Candidate], query: Query, reason: str, nothing: NoTarget | None) -> RoutePlan:
        """
        A plan for those in reserve.

        Raises:
            NoTarget: they can't answer either; `nothing` where that is no worse.
        """
        budget = self._way.budget
        if budget is not None and self._is_spent(query):
            if nothing is not None and TOO_LATE in nothing.reasons:
                raise nothing
            wait_s = budget.room_in_s(query.tenant, query.now)
            raise NoTarget(_SPENT, None, wait_s, frozenset({SPILL_BUDGET}))
        try:
            there = self._strategy.plan(away, query)
        except Unservable as never:
            raise nothing or never from None
        return structs.replace(there, reason=reason, spill=budget)
