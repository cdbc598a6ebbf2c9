"""Answers a request from the kept answer to an equal one, or from an equal one that is under way."""

import asyncio
import copy
from collections.abc import Callable
from functools import partial
from typing import Final

from turnout.models.errors import BudgetExceeded, Forbidden, LimitReached, TurnoutError
from turnout.models.exchange import JSON_HEADERS, Headers, Out, RequestHead
from turnout.models.openai.request import Operation
from turnout.router.account import LedgerSink, cost_of
from turnout.router.cache.booking import book
from turnout.router.cache.controls import Controls, read_controls
from turnout.router.cache.entry import Entry
from turnout.router.cache.epochs import EpochPage, slot_of
from turnout.router.cache.flight import Flight
from turnout.router.cache.key import make_key
from turnout.router.cache.marked import Marked
from turnout.router.cache.policy import CachePolicy, Reason, why_bypass
from turnout.router.cache.recording import Recording
from turnout.router.cache.replay import write_events
from turnout.router.cache.stores.store import CacheStore
from turnout.router.cache.tally import CacheTally
from turnout.router.call import Call
from turnout.router.execute.attempts import Attempt
from turnout.router.stages import CacheHit, Execute

TRIES: Final = 2
"""How many answers under way a request waits for, when the first of them fails."""
FOLD_BYTES: Final = 64 * 1024
"""From this size on, making one answer of a stream's events would hold up the loop."""

_EVENTS: Final = (b"content-type", b"text/event-stream")
_OWN: Final = (LimitReached, BudgetExceeded, Forbidden)
"""What one caller is refused says nothing about others who ask the same."""
_SHARED: Final = frozenset((b"content-type", b"x-turnout-target", b"x-turnout-degraded", b"x-litellm-model-id"))
"""Headers of an answer that hold for everybody who gets it."""


class ExactCache:
    """
    Owner of the flights of one router replica, by key; bounded by the requests that are in flight.

    It answers nothing before the epoch page has heard from Control: until then nobody knows what has been purged.
    """

    def __init__(
        self,
        store: CacheStore,
        page: EpochPage,
        tally: CacheTally,
        sink: LedgerSink,
        *,
        now: Callable[[], float],
        wall_s: Callable[[], float],
    ) -> None:
        """
        Args:
            store: of the answers.
            page: says which of them are void.
            tally: counts.
            sink: gets a ledger row for each answer from here.
            now: loop time.
            wall_s: unix time, the same on all nodes that share the store.
        """
        self.store = store
        self.page = page
        self.tally = tally
        self.sink = sink
        self.now = now
        self.wall_s = wall_s
        self.flights: dict[bytes, Flight] = {}

    def __repr__(self) -> str:
        return f"ExactCache({self.store!r}, {self.page!r}, {len(self.flights)} flights)"

    def visit(self, call: Call, head: RequestHead) -> "ExactVisit | None":
        """See `Cache.visit`."""
        policy = call.route.cache
        if policy is None:
            return None
        controls = read_controls(call.request, head)
        reason = why_bypass(call.request, call.principal, call.constraints, policy, controls)
        return ExactVisit(self, call, policy, controls, reason or _try_make_key(call, policy, controls.namespace))

    def is_usable(self, entry: Entry) -> bool:
        """Whether nothing that it depends on was purged."""
        return self.page.is_known and not self.page.is_void(entry.slots, entry.epoch)

    def end_flight(self, name: bytes, flight: Flight) -> None:
        """Hear that a call has ended."""
        if self.flights.get(name) is flight:
            del self.flights[name]


class ExactVisit:
    """One request's dealings with an ExactCache."""

    __slots__ = ("_cache", "_call", "_controls", "_epoch", "_facts", "_key", "_policy")

    def __init__(
        self,
        cache: ExactCache,
        call: Call,
        policy: CachePolicy,
        controls: Controls,
        key: bytes | Reason,
    ) -> None:
        """
        Args:
            key: of the request, or why it passes the cache by.
        """
        self._cache = cache
        self._call = call
        self._policy = policy
        self._controls = controls
        self._key = key
        self._epoch = cache.page.version
        self._facts: Headers = () if isinstance(key, Reason) else ((b"x-turnout-cache-key", key.hex().encode()),)

    async def find(self) -> CacheHit | None:
        """See `Visit.find`."""
        if isinstance(self._key, Reason) or not self._controls.may_find:
            return None
        cache = self._cache
        entry = await cache.store.find(self._key)
        if entry is None:
            return None
        wall_s = cache.wall_s()
        if not cache.is_usable(entry):
            cache.store.drop(self._key)
            return None
        oldest_s = self._controls.max_age_s
        if wall_s >= entry.fresh_until_s or (oldest_s is not None and wall_s - entry.at_s > oldest_s):
            return None
        cache.tally.hit(self._call.route.name, entry)
        book(cache.sink, self._call, entry.target)
        return self._to_hit(entry, wall_s, b"hit-exact")

    async def find_stale(self) -> CacheHit | None:
        """See `Visit.find_stale`. What was purged isn't given even then, nor to a caller who asks for something fresh."""
        if isinstance(self._key, Reason) or not self._controls.may_find:
            return None
        cache = self._cache
        entry = await cache.store.find(self._key)
        wall_s = cache.wall_s()
        if entry is None or wall_s >= entry.stale_until_s or not cache.is_usable(entry):
            return None
        cache.tally.stale(self._call.route.name)
        book(cache.sink, self._call, entry.target)
        return self._to_hit(entry, wall_s, b"hit-stale")

    async def run(self, out: Out, execute: Execute) -> None:
        """See `Visit.run`."""
        cache, model = self._cache, self._call.route.name
        if isinstance(self._key, Reason):
            cache.tally.bypass(model, self._key)
            why = (b"x-turnout-cache", b"bypass"), (b"x-turnout-cache-reason", self._key.encode())
            await execute(Marked(out, why))
            return
        name = self._name_flight(self._key)
        for tried in range(1, TRIES + 1):
            flight = cache.flights.get(name) if self._controls.may_find else None
            if flight is None or not flight.is_joinable or cache.page.is_void(self._slots(self._key), flight.epoch):
                cache.tally.miss(model)
                await self._lead(name, out, execute)
                return
            if await self._try_join(flight, out, is_last=tried == TRIES):
                return
        cache.tally.miss(model)
        await execute(Marked(out, self._miss()))

    async def _lead(self, name: bytes, out: Out, execute: Execute) -> None:
        """Begin a flight, with this request as its first on board."""
        flight = Flight(self._policy.answer_bytes, self._epoch, partial(self._cache.end_flight, name))
        self._cache.flights[name] = flight
        miss = self._miss()
        seat = flight.board(out, lambda headers: [*headers, *miss])
        flight.depart(partial(self._fly, flight, execute))
        try:
            await seat.wait()
            # A client's next request finds what this one has left.
            await flight.land()
        finally:
            seat.leave()

    async def _fly(self, flight: Flight, execute: Execute) -> None:
        """On the flight's own task: the call, and what is kept of it."""
        if not self._controls.may_keep:
            await execute(flight)
            return
        recording = Recording(flight, self._policy.answer_bytes)
        attempt = await execute(recording)
        if attempt is not None and self._may_keep(attempt):
            await self._keep(recording, attempt)

    async def _try_join(self, flight: Flight, out: Out, *, is_last: bool) -> bool:
        """
        Get the answer that somebody else has asked for; False if it should be asked for again.

        Raises:
            TurnoutError: what the other's call ended with, where asking again is no use.
        """
        seat = flight.board(out, self._adapt)
        try:
            await seat.wait(self._call.constraints.deadline_at - self._cache.now())
        except TurnoutError as error:
            if isinstance(error, _OWN) or (flight.is_over and error.is_retryable and not is_last):
                return False
            raise copy.copy(error) from None  # its own, since each has a traceback
        finally:
            seat.leave()
        self._cache.tally.join(self._call.route.name)
        return True

    def _adapt(self, headers: Headers) -> Headers:
        """The head of another's answer as this request's, which is booked by now: whatever happens next."""
        shared = [line for line in headers if line[0] in _SHARED]
        target = next((value.decode() for name, value in shared if name == b"x-turnout-target"), "")
        book(self._cache.sink, self._call, target)
        said = (
            (b"x-request-id", self._call.arrival.echo_id),
            (b"x-turnout-cache", b"hit-exact"),
            (b"x-turnout-cache-reason", b"in-flight"),
            (b"age", b"0"),
        )
        return [*shared, *said, *self._facts]

    def _may_keep(self, attempt: Attempt) -> bool:
        """Whole, by the model meant, and in one piece: of a stream that went on elsewhere nobody knows where the seam is."""
        way, choice = attempt.way, self._call.choice
        meant = self._call.route.name if choice is None else choice.model
        is_meant = not way.fallbacks and way.route.name == meant
        return attempt.is_whole and is_meant and (way.number == 1 or not self._call.request.is_stream)

    async def _keep(self, recording: Recording, attempt: Attempt) -> None:
        """Put the answer into the store, if it's one to be kept; the client has it already."""
        key, cache, policy = self._key, self._cache, self._policy
        assert not isinstance(key, Reason)
        usage = attempt.answer.usage
        if recording.size_bytes > FOLD_BYTES:
            body = await asyncio.to_thread(recording.find_answer, self._call.request, usage, policy.keeps_tool_calls)
        else:
            body = recording.find_answer(self._call.request, usage, policy.keeps_tool_calls)
        if body is None:
            return
        target = attempt.way.plan.candidate.target
        wall_s, ttl_s = cache.wall_s(), min(policy.ttl_s, self._controls.ttl_s or policy.ttl_s)
        entry = Entry(
            key=key,
            target=target.name,
            body=body,
            at_s=wall_s,
            fresh_until_s=wall_s + ttl_s,
            stale_until_s=wall_s + ttl_s + policy.stale_s,
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            cost_nusd=cost_of(usage, target, attempt.way.wildcard),
            slots=self._slots(key),
            epoch=self._epoch,
        )
        cache.store.put(entry)
        cache.tally.keep(self._call.route.name)

    def _to_hit(self, entry: Entry, wall_s: float, said: bytes) -> CacheHit:
        """The answer in the form that's asked for."""
        request = self._call.request
        facts = (b"x-turnout-cache", said), *self._facts
        age_s = max(0.0, wall_s - entry.at_s)
        if request.is_stream and request.operation is not Operation.EMBEDDINGS:
            return CacheHit((_EVENTS, *facts), write_events(entry.body, request.wants_usage), entry.target, age_s)
        return CacheHit((*JSON_HEADERS, *facts), entry.body, entry.target, age_s)

    def _miss(self) -> Headers:
        return ((b"x-turnout-cache", b"miss"), *self._facts)

    def _name_flight(self, key: bytes) -> bytes:
        """Answers under way are shared by those who want them in the same form."""
        request = self._call.request
        return key + (b"s" if request.is_stream else b"w") + (b"u" if request.wants_usage else b"-")

    def _slots(self, key: bytes) -> tuple[int, ...]:
        """What a purge can make this request's answer void by."""
        controls = self._controls
        return (
            slot_of("tenant", self._call.principal.tenant),
            slot_of("model", self._call.route.name),
            slot_of("key", key.hex()),
            *((slot_of("namespace", controls.namespace),) if controls.namespace else ()),
            *(slot_of("tag", tag) for tag in controls.tags),
        )


def _try_make_key(call: Call, policy: CachePolicy, namespace: str) -> bytes | Reason:
    try:
        return make_key(call, policy, namespace)
    except (ValueError, RecursionError):
        return Reason.UNREADABLE
