"""Keeps the books: a hold around every attempt, and one ledger row when it ends, however it ends."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol

from turnout.models.access import WILDCARD
from turnout.models.errors import Forbidden
from turnout.models.ledger import LedgerEntry
from turnout.models.openai.request import ApiRequest
from turnout.models.openai.tags import read_tags
from turnout.models.providers.provider import Answer
from turnout.models.target import Target
from turnout.models.upstream import Outcome
from turnout.models.usage import Usage, UsageSource
from turnout.router.call import Call, Way
from turnout.router.catalogue import ModelRoute
from turnout.router.money.bound import bound_usage, cap_output
from turnout.router.money.purses import Group, Purses
from turnout.router.plan.spill.budget import SpillBudget, SpillSpent
from turnout.router.plan.strategy import RoutePlan
from turnout.router.ready import READY

CLIENT_LEFT = "client_left"
HEDGE_LOST = "hedge_lost"


class LedgerSink(Protocol):
    """Takes rows without waiting; they are written soon. The Outbox is one."""

    def put_entry(self, entry: LedgerEntry) -> None:
        """Queue a row."""
        ...


class Account:
    """Opens holds: money is held for an attempt before it begins, and what it has cost is booked when it ends."""

    def __init__(self, sink: LedgerSink, now: Callable[[], float], purses: Purses | None = None) -> None:
        """
        Args:
            purses: what may be spent; without them nothing is held, and rows count against no budget.
        """
        self.sink = sink
        self.now = now
        self.purses = purses

    def cap(self, call: Call, route: ModelRoute, plan: RoutePlan) -> ApiRequest:
        """The request as it's sent by `plan`: with an output limit where a hard budget needs one and the caller gave none."""
        budgets, target = call.principal.budgets, plan.candidate.target
        if plan.spill is not None:
            return cap_output(call.request, target)
        if not budgets or self.purses is None or not self.purses.may_refuse(budgets, route.name):
            return call.request
        return cap_output(call.request, target)

    def find_downgrade(self, call: Call) -> str | None:
        """The cheaper model that one of the caller's budgets sends this request to, if there is one."""
        budgets = call.principal.budgets
        if not budgets or self.purses is None:
            return None
        return self.purses.find_downgrade(budgets, call.route.name)

    def hold(self, way: Way, answer: Answer, asked: ApiRequest, carried_tokens: int = 0) -> "Hold":
        """
        A hold for one attempt, for `async with`; settled inside the block, or closed with what is known when it ends.

        Args:
            answer: where the tokens will be read from at the end.
            asked: the request as it's sent, see `cap`.
            carried_tokens: of an answer so far, where the attempt goes on with it.

        Raises (on entering):
            BudgetExceeded: a budget has less left than the attempt may cost.
            RateLimited: the money is held for requests that run.
            Forbidden: the target has no price, so a hard budget can't be kept.
            NoTarget: Control can't be asked, and what is leased here doesn't cover it.
            SpillSpent: it would go to a target in reserve, and what the tenant has left for that doesn't cover it.
        """
        return Hold(self, way, answer, asked, carried_tokens)


class Hold:
    """The money side of one attempt."""

    __slots__ = (
        "_account",
        "_answer",
        "_asked",
        "_carried_tokens",
        "_group",
        "_is_closed",
        "_nusd",
        "_spill_nusd",
        "_way",
    )

    def __init__(self, account: Account, way: Way, answer: Answer, asked: ApiRequest, carried_tokens: int) -> None:
        self._account = account
        self._way = way
        self._answer = answer
        self._asked = asked
        self._carried_tokens = carried_tokens
        self._nusd = self._spill_nusd = 0
        self._group: Group | None = None
        self._is_closed = False

    def __aenter__(self) -> Awaitable[None]:
        spill = self._way.plan.spill
        return self._enter() if spill is None else self._enter_by_spill(spill)

    def _enter(self) -> Awaitable[None]:
        budgets = self._way.call.principal.budgets
        purses = self._account.purses
        if not budgets or purses is None:
            return READY
        self._nusd = self._find_bound(purses, budgets)
        taken = purses.try_hold(budgets, self._way.route.name, self._nusd)
        if taken is None:
            return self._wait(purses, budgets)
        self._group = taken
        return READY

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        if not self._is_closed:
            self._write(0, CLIENT_LEFT if kind is not None else "unsettled", None, self._account.now())
        return READY

    def complete(self, status: int, first_byte_at: float) -> None:
        """Write the row for an attempt whose answer is whole, before the client has the end of it: whatever happens next, it's booked."""
        self._write(status, "", first_byte_at, self._account.now())

    def settle(self, outcome: Outcome) -> None:
        """Write the row for an attempt that ended by itself."""
        self._write(
            outcome.status, outcome.failure.value if outcome.failure else "", outcome.first_byte_at, outcome.ended_at
        )

    def lose(self) -> None:
        """Write the row for an attempt that is cancelled because another was faster."""
        self._write(0, HEDGE_LOST, None, self._account.now())

    async def _enter_by_spill(self, spill: SpillBudget) -> None:
        """Hold it from what the tenant may spend on targets in reserve, beside its budgets."""
        way, now = self._way, self._account.now
        target, tenant = way.plan.candidate.target, way.call.principal.tenant
        bound = cost_of(bound_usage(self._asked, target, self._carried_tokens), target, way.wildcard)
        if bound is None or not spill.try_hold(tenant, bound, now()):
            why = "has no price" if bound is None else "may cost more than the tenant's spill budget has left"
            raise SpillSpent(f"Target {target.name!r} {why}.", None, spill.room_in_s(tenant, now()))
        self._spill_nusd = bound
        has_entered = False
        try:
            await self._enter()
            has_entered = True
        finally:
            if not has_entered:
                spill.settle(tenant, bound, 0, now())

    def _find_bound(self, purses: Purses, budgets: tuple[str, ...]) -> int:
        target = self._way.plan.candidate.target
        bound = cost_of(bound_usage(self._asked, target, self._carried_tokens), target, self._way.wildcard)
        if bound is None:
            if not purses.policy.allows_unpriced and purses.may_refuse(budgets, self._way.route.name):
                raise Forbidden(
                    f"Target {target.name!r} has no price, so it can't be used within a budget: "
                    "give it input_cost_per_token and output_cost_per_token, or set money.unpriced: allow."
                )
            return 0
        return bound

    async def _wait(self, purses: Purses, budgets: tuple[str, ...]) -> None:
        call, model = self._way.call, self._way.route.name
        self._group = await purses.hold(budgets, model, self._nusd, call.constraints.deadline_at)

    def _write(self, status: int, failure: str, first_byte_at: float | None, ended_at: float) -> None:
        """The row, if there's none yet."""
        if self._is_closed:
            return
        self._is_closed = True
        way, call, candidate = self._way, self._way.call, self._way.plan.candidate
        target, group = candidate.target, self._group
        usage = self._usage(was_cancelled=failure in (CLIENT_LEFT, HEDGE_LOST))
        del self._answer  # it leads back here, by the lane that calls `complete`
        cost_nusd = cost_of(usage, target, way.wildcard)
        self._account.sink.put_entry(
            LedgerEntry(
                call.arrival.id,
                way.number,
                call.arrival.at_ns,
                call.principal.tenant,
                call.principal.key_id,
                call.request.model if call.request.wildcard else call.route.name,
                target.name,
                candidate.endpoint.id,
                status,
                failure,
                usage.input_tokens if usage else 0,
                usage.output_tokens if usage else 0,
                usage.cache_read_tokens if usage else 0,
                usage.reasoning_tokens if usage else 0,
                usage.source.value if usage else "",
                cost_nusd,
                None if first_byte_at is None else int((first_byte_at - way.sent_at) * 1e6),
                int((ended_at - way.sent_at) * 1e6),
                call.request.is_stream,
                read_tags(call.request.fields),
                group.ids if group is not None else (),
            )
        )
        if group is not None and self._account.purses is not None:
            self._account.purses.settle(group, self._nusd, cost_nusd or 0)
        if way.plan.spill is not None:
            way.plan.spill.settle(call.principal.tenant, self._spill_nusd, cost_nusd or 0, self._account.now())

    def _usage(self, *, was_cancelled: bool) -> Usage | None:
        """As the upstream counted; else, where it had worked, an estimate: nothing is free because somebody hung up."""
        answer = self._answer
        if answer.usage is not None or not (answer.events or was_cancelled):
            return answer.usage
        return Usage(self._way.call.features.prompt_tokens, answer.events, source=UsageSource.ESTIMATED)


def cost_of(usage: Usage | None, target: Target, wildcard: str = "") -> int | None:
    """
    Price of `usage` at `target` in nano-USD, rounded half up, or None where tokens or a price that they need isn't known.

    Prompt tokens that the upstream had cached cost their own price, where there is one.

    Args:
        usage: what was used.
        target: where.
        wildcard: what stands for the `*` in the target's model, where it has one.
    """
    input_pusd, output_pusd, cached_pusd = (
        target.input_price_pusd, target.output_price_pusd, target.cache_read_price_pusd
    )  # fmt: skip
    if input_pusd is None and target.rates is not None:
        rates = target.rates.get(target.model.replace(WILDCARD, wildcard))
        if rates is not None:
            input_pusd, output_pusd, cached_pusd = rates.input_pusd, rates.output_pusd, rates.cache_read_pusd
    if usage is None or input_pusd is None:
        return None
    if output_pusd is None:
        if usage.output_tokens:
            return None
        output_pusd = 0
    cost_pusd = usage.input_tokens * input_pusd + usage.output_tokens * output_pusd
    if usage.cache_read_tokens and cached_pusd is not None:
        cost_pusd += min(usage.cache_read_tokens, usage.input_tokens) * (cached_pusd - input_pusd)
    return (cost_pusd + 500) // 1000
