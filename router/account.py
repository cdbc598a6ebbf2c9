"""Keeps the books: a hold around every attempt, and one ledger row when it ends, however it ends."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol

from turnout.models.ledger import LedgerEntry
from turnout.models.openai.tags import read_tags
from turnout.models.providers.provider import Answer
from turnout.models.target import Target
from turnout.models.upstream import Outcome
from turnout.models.usage import Usage, UsageSource
from turnout.router.call import Way
from turnout.router.ready import READY

CLIENT_LEFT = "client_left"
HEDGE_LOST = "hedge_lost"


class LedgerSink(Protocol):
    """Takes rows without waiting; they are written soon. The Outbox is one."""

    def put_entry(self, entry: LedgerEntry) -> None:
        """Queue a row."""
        ...


class Account:
    """Opens holds. What a tenant may spend comes with budgets; until then a hold holds nothing and only makes sure that the row is written."""

    def __init__(self, sink: LedgerSink, now: Callable[[], float]) -> None:
        self.sink = sink
        self.now = now

    def hold(self, way: Way, answer: Answer) -> "Hold":
        """
        A hold for one attempt, for `async with`; settled inside the block, or closed with what is known when it ends.

        Args:
            answer: where the tokens will be read from at the end.
        """
        return Hold(self, way, answer)


class Hold:
    """The money side of one attempt."""

    __slots__ = ("_account", "_answer", "_is_closed", "_way")

    def __init__(self, account: Account, way: Way, answer: Answer) -> None:
        self._account = account
        self._way = way
        self._answer = answer
        self._is_closed = False

    def __aenter__(self) -> Awaitable[None]:
        return READY

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        if not self._is_closed:
            self._write(0, CLIENT_LEFT if kind is not None else "unsettled", None, self._account.now())
        return READY

    def settle(self, outcome: Outcome) -> None:
        """Write the row for an attempt that ended by itself."""
        self._write(
            outcome.status, outcome.failure.value if outcome.failure else "", outcome.first_byte_at, outcome.ended_at
        )

    def lose(self) -> None:
        """Write the row for an attempt that is cancelled because another was faster."""
        self._write(0, HEDGE_LOST, None, self._account.now())

    def _write(self, status: int, failure: str, first_byte_at: float | None, ended_at: float) -> None:
        self._is_closed = True
        way, call, candidate = self._way, self._way.call, self._way.plan.candidate
        target = candidate.target
        usage = self._usage(was_cancelled=failure in (CLIENT_LEFT, HEDGE_LOST))
        self._account.sink.put_entry(
            LedgerEntry(
                call.arrival.id,
                way.number,
                call.arrival.at_ns,
                call.principal.tenant,
                call.principal.key_id,
                call.route.name,
                target.name,
                candidate.endpoint.id,
                status,
                failure,
                usage.input_tokens if usage else 0,
                usage.output_tokens if usage else 0,
                usage.cache_read_tokens if usage else 0,
                usage.reasoning_tokens if usage else 0,
                usage.source.value if usage else "",
                cost_of(usage, target),
                None if first_byte_at is None else int((first_byte_at - way.sent_at) * 1e6),
                int((ended_at - way.sent_at) * 1e6),
                call.request.is_stream,
                read_tags(call.request.fields),
            )
        )

    def _usage(self, *, was_cancelled: bool) -> Usage | None:
        """As the upstream counted; else, where it had worked, an estimate: nothing is free because somebody hung up."""
        answer = self._answer
        if answer.usage is not None or not (answer.events or was_cancelled):
            return answer.usage
        return Usage(self._way.call.features.prompt_tokens, answer.events, source=UsageSource.ESTIMATED)


def cost_of(usage: Usage | None, target: Target) -> int | None:
    """Price of `usage` at `target` in nano-USD, rounded half up, or None where tokens or a price aren't known."""
    if usage is None or target.input_price_pusd is None or target.output_price_pusd is None:
        return None
    return (usage.input_tokens * target.input_price_pusd + usage.output_tokens * target.output_price_pusd + 500) // 1000
