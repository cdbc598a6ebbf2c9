"""The request line: admit → guard → shape → cache → plan → execute → stream → account → observe. Nothing else knows this order."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b

from turnout.models.access import Principal
from turnout.models.errors import (
    BudgetExceeded,
    Forbidden,
    LimitReached,
    ModelNotFound,
    NoTarget,
    TurnoutError,
    Unauthorized,
)
from turnout.models.exchange import JSON_HEADERS, Headers, Out, RequestHead
from turnout.models.openai.made import MadeAnswer
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.usage import BYTES_PER_TOKEN
from turnout.router.admit import Admitted, admit, identify, request_id
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import Catalogue
from turnout.router.choose.chooser import Chooser
from turnout.router.decisions import Decisions
from turnout.router.directory import Directory
from turnout.router.execute.attempts import Attempt, Attempts
from turnout.router.idempotency.replays import IDEMPOTENCY_KEY, Replays
from turnout.router.limit.limiter import Limiter
from turnout.router.observe import Observer
from turnout.router.plan.constraints import InRegions, KeepsNothing, LocalOnly
from turnout.router.plan.predict.blocks import Blocks
from turnout.router.stages import Cache, CacheHit, Guard, Shape, Visit
from turnout.router.values import Features

# From this size on, reading a body would hold up everybody else for milliseconds.
THREAD_BYTES = 1024 * 1024
_SESSION, _REGION, _TASK = b"x-turnout-session", b"x-turnout-region", b"x-turnout-task"
_POLICY: Mapping[type[TurnoutError], tuple[str, str]] = {
    Unauthorized: ("key.refuse", "key"),
    Forbidden: ("key.refuse", "key"),
    ModelNotFound: ("model.refuse", "model"),
    BudgetExceeded: ("budget.refuse", "budget"),
}
"""Errors that are decisions of policy: action and subject in the audit log. No subject is a caller's own word: there'd be no end of them."""
_RESIDENCY = frozenset({LocalOnly.code, InRegions.code, KeepsNothing.code})
"""Why a place may not have a prompt. Where one of these left nobody, policy has refused, whatever else was wrong with the places that it allows."""

_log = logging.getLogger("turnout.gateway")


class Gateway:
    """One per router replica. Collaborators come by argument; the catalogue is swapped as a whole while requests run."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        attempts: Attempts,
        observer: Observer,
        limiter: Limiter,
        directory: Directory,
        chooser: Chooser,
        now: Callable[[], float],
        wall_ns: Callable[[], int],
        new_id: Callable[[], str],
        guard: Guard | None = None,
        shape: Shape | None = None,
        cache: Cache | None = None,
        replays: Replays | None = None,
        decisions: Decisions | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._guard = guard
        self._shape = shape
        self._cache = cache
        self._replays = replays
        self._decisions = decisions
        self._attempts = attempts
        self._observer = observer
        self._limiter = limiter
        self._directory = directory
        self._chooser = chooser
        self._now = now
        self._wall_ns = wall_ns
        self._new_id = new_id

    async def handle(self, operation: Operation, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request into `out`; errors too. Cancelled when the client leaves, which ends everything done for it."""
        own_id, echo_id = request_id(head, self._new_id)
        arrival = Arrival(own_id, echo_id, self._now(), self._wall_ns())
        self._observer.in_flight += 1
        try:
            if self._replays is None or IDEMPOTENCY_KEY not in head.headers:
                await self._answer(arrival, operation, head, body, out)
            else:
                await self._answer_once(self._replays, arrival, operation, head, body, out)
        except TurnoutError as error:
            self._refuse(error, arrival, head, out)
        finally:
            self._observer.in_flight -= 1

    def identify(self, head: RequestHead) -> Principal:
        """Who asks. Raises as `admit.identify` does."""
        return identify(head, self.catalogue, self._directory, self._wall_ns())

    async def _answer_once(
        self, replays: Replays, arrival: Arrival, operation: Operation, head: RequestHead, body: bytes, out: Out
    ) -> None:
        """The line for a request with an idempotency key, which may have been answered before; its refusals are answers too."""
        async with replays.once(self.identify(head), head, body, out) as recording:
            if recording is None:
                return
            try:
                await self._answer(arrival, operation, head, body, recording)
            except TurnoutError as error:
                self._refuse(error, arrival, head, recording)

    async def _answer(self, arrival: Arrival, operation: Operation, head: RequestHead, body: bytes, out: Out) -> None:
        """The line."""
        admitted = await self._admit(operation, head, body, arrival)
        principal, constraints = admitted.principal, admitted.constraints

        request = admitted.request
        if self._guard is not None:
            request = await self._guard.check(request, principal)
            out = self._guard.watch(request, out)
        features = describe(request, head, principal)
        if self._shape is not None:
            request = await self._shape.shape(request, features)

        call = Call(arrival, principal, request, constraints, features, admitted.route)
        if admitted.route.choices:
            call = await self._chooser.choose(call, head.headers)
        visit = None if self._cache is None else self._cache.visit(call, head)
        if visit is None:
            await self._execute(call, None, out)
            return
        hit = await visit.find()
        if hit is not None:
            answer_hit(hit, arrival, out)
            return
        await visit.run(out, partial(self._execute, call, visit))

    async def _execute(self, call: Call, visit: Visit | None, out: Out) -> Attempt | None:
        """Have a model answer within the caller's limits; see `_run`."""
        if not call.principal.limits and not call.route.limits:
            return await self._run(call, visit, out)
        ticket = self._limiter.ticket(call)
        async with ticket:
            attempt = await self._run(ticket.call, visit, out)
            ticket.settle(None if attempt is None else attempt.answer)
            return attempt

    async def _run(self, call: Call, visit: Visit | None, out: Out) -> Attempt | None:
        """Have a model answer, or do without one; the last attempt, if there was one and it told the caller how it went."""
        try:
            attempt = await self._attempts.run(call, out)
        except TurnoutError as error:
            if not error.is_retryable or not await self._degrade(call, visit, out):
                raise
            return None
        if attempt is not None:
            self._observer.finish(attempt, self._now())
        return attempt

    def _refuse(self, error: TurnoutError, arrival: Arrival, head: RequestHead, out: Out) -> None:
        """Tell the caller, and count it; what policy refused goes into the audit log too."""
        self._observer.refuse(error.status)
        _log.debug("refused", extra={"request_id": arrival.id, "status": error.status, "reason": error.message})
        if self._decisions is not None:
            self._tell_decision(self._decisions, error, head)
        out.full(error.status, error_headers(error, arrival.echo_id), error.to_json())

    def _tell_decision(self, decisions: Decisions, error: TurnoutError, head: RequestHead) -> None:
        if isinstance(error, NoTarget):
            codes = error.reasons & _RESIDENCY
            if codes:
                decisions.refuse(self._find_key_id(head), "residency.refuse", "prompt", ", ".join(sorted(codes)))
            return
        decided = _POLICY.get(type(error))
        if decided is not None:
            decisions.refuse(self._find_key_id(head), *decided, type(error).__name__)

    def _find_key_id(self, head: RequestHead) -> str:
        try:
            return self.identify(head).key_id
        except TurnoutError:
            return "unknown"

    async def _degrade(self, call: Call, visit: Visit | None, out: Out) -> bool:
        """Answer without a model, where nothing can answer now and the config allows it; whether that was done."""
        degrade = call.route.degrade
        if degrade.stale and visit is not None:
            stale = await visit.find_stale()
            if stale is not None:
                self._observer.degrade("stale")
                answer_hit(stale, call.arrival, out, ((b"x-turnout-degraded", b"stale"),))
                return True
        if degrade.answer is None or call.request.operation is Operation.EMBEDDINGS:
            return False
        self._observer.degrade("answer")
        answer_by_default(call, degrade.answer, out)
        return True

    async def _admit(self, operation: Operation, head: RequestHead, body: bytes, arrival: Arrival) -> Admitted:
        """Admit here, or on a thread where the body is large."""
        if len(body) < THREAD_BYTES:
            return admit(operation, head, body, self.catalogue, self._directory, arrival)
        return await asyncio.to_thread(admit, operation, head, body, self.catalogue, self._directory, arrival)


def describe(request: ApiRequest, head: RequestHead, principal: Principal) -> Features:
    """What planning may know of a request."""
    headers = head.headers
    session = headers.get(_SESSION) or request.session.encode()
    return Features(
        1 + request.prompt_bytes // BYTES_PER_TOKEN,
        request.max_output_tokens,
        blake2b(principal.tenant.encode() + b"\0" + session, digest_size=16).digest() if session else b"",
        headers.get(_REGION, b"").decode("latin-1"),
        headers.get(_TASK, b"").decode("latin-1"),
        Blocks(memoryview(request.fields[request.operation.prompt_field])),
    )


def answer_hit(hit: CacheHit, arrival: Arrival, out: Out, more: Headers = ()) -> None:
    """Answer from the cache; the head names the target that had answered, and how long ago."""
    facts = [
        (b"x-request-id", arrival.echo_id),
        (b"x-turnout-target", hit.target.encode()),
        (b"age", b"%d" % hit.age_s),
    ]
    out.full(200, [*hit.headers, *facts, *more], hit.body)


def answer_by_default(call: Call, text: str, out: Out) -> None:
    """Give a configured text as the model's answer; the head says that it is one."""
    arrival, request = call.arrival, call.request
    made = MadeAnswer(request.operation, arrival.id, arrival.at_ns // 1_000_000_000, call.route.name, text)
    facts = [(b"x-request-id", arrival.echo_id), (b"x-turnout-degraded", b"answer")]
    if request.is_stream:
        out.start(200, [(b"content-type", b"text/event-stream"), *facts])
        out.write(made.to_events(request.wants_usage))
        out.end()
    else:
        out.full(200, [*JSON_HEADERS, *facts], made.to_json())


def error_headers(error: TurnoutError, echo_id: bytes | None) -> Headers:
    """The head of an error, with the retry advice that OpenAI's clients follow."""
    headers = [*JSON_HEADERS]
    if echo_id is not None:
        headers.append((b"x-request-id", echo_id))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
        headers.append((b"retry-after-ms", b"%d" % max(1, math.ceil(error.retry_after_s * 1e3))))
    if isinstance(error, LimitReached):
        headers += error.headers
    if isinstance(error, BudgetExceeded):
        headers.append((b"x-should-retry", b"false"))
    return headers
