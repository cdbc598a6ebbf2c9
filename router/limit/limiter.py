"""Lets a request on once its principal, its model and the gateway have room for it."""

import math
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol

import msgspec

from turnout.models.access import Limit, Unit
from turnout.models.errors import BadRequest, ContextLengthExceeded, LimitReached, TurnoutError
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.providers.provider import Answer
from turnout.router.call import Call
from turnout.router.limit.bucket import kind_of
from turnout.router.limit.line import Line
from turnout.router.limit.share import WHOLE, Levels, Share
from turnout.router.limit.tell import explain_full, explain_size, soft_header
from turnout.router.limit.terms import Terms, TermsBook
from turnout.router.ready import READY

UNKNOWN_OUTPUT_TOKENS = 256.0
"""What an answer is taken to have before a model has given one."""

LEAST_RETRY_S = 0.05
UNKNOWN_RETRY_S = 1.0
_LEARNING = 0.05


class Tally(Protocol):
    """Counts what limits do; the Observer is one."""

    def limited(self, kind: str, unit: str, action: str) -> None:
        """A limit `refused` a request, let it in after it had `waited`, or is `soft` and was passed."""
        ...

    def waited_for_limits(self, seconds: float) -> None:
        """A request waited so long, whether or not it got in."""
        ...


class Limiter:
    """Owns the counts of all limits of one router replica, and what is known of the length of answers."""

    def __init__(self, tally: Tally, now: Callable[[], float], share: Share = WHOLE) -> None:
        """
        Args:
            tally: hears what limits do.
            now: loop time.
            share: of every limit, until another is set; without one, requests that are limited wait for it.
        """
        self.tally = tally
        self.now = now
        self._book = TermsBook(now, share)
        self._mean_output: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Limiter {self._book!r}>"

    def __len__(self) -> int:
        """How many counts there are now."""
        return len(self._book)

    def ticket(self, call: Call) -> "Ticket":
        """
        What `call` needs to go on, for `async with`.

        Raises:
            BadRequest: the request alone is above a limit on prompts or answers.
        """
        terms = self._book.get(call.principal, call.route, self.now())
        if terms.bounds:
            call = self._bind(call, terms)
        return Ticket(self, terms, call)

    @property
    def share(self) -> Share:
        """What this router has of every limit."""
        return self._book.share

    def set_share(self, share: Share, levels: Levels) -> Levels | None:
        """Take another share: with `levels` in what is new of it; gives what is in the part that's given away, or None if there's none."""
        if share.part < self._book.share.part:
            return self._book.shrink(share)
        self._book.grow(share, levels)
        return None

    def expected_output(self, model: str) -> float:
        """Tokens of an answer of `model`, by those it has given lately."""
        return self._mean_output.get(model, UNKNOWN_OUTPUT_TOKENS)

    def note_output(self, model: str, tokens: int) -> None:
        """Hear how long an answer was."""
        mean = self._mean_output.get(model)
        self._mean_output[model] = tokens if mean is None else mean + (tokens - mean) * _LEARNING

    def keep_only(self, models: set[str]) -> None:
        """Forget what was known of models that are gone from the config."""
        self._mean_output = {model: mean for model, mean in self._mean_output.items() if model in models}

    def _bind(self, call: Call, terms: Terms) -> Call:
        """The call within the limits of a single request: an answer whose length nobody named gets the longest that's allowed."""
        asked = call.request.max_output_tokens
        for limit in terms.bounds:
            kind = kind_of(limit)
            tokens = call.features.prompt_tokens if limit.unit is Unit.CONTEXT_TOKENS else asked
            if tokens is None or tokens <= limit.amount:
                continue
            self.tally.limited(kind, limit.unit.value, "refused" if limit.is_hard else "soft")
            if limit.is_hard:
                raise _too_large(limit, explain_size(limit, kind, tokens))
        longest = min(
            (each.amount for each in terms.bounds if each.unit is Unit.OUTPUT_TOKENS and each.is_hard), default=None
        )
        if asked is not None or longest is None or call.request.operation is Operation.EMBEDDINGS:
            return call
        features = msgspec.structs.replace(call.features, max_output_tokens=longest)
        return msgspec.structs.replace(call, request=_with_max_tokens(call.request, longest), features=features)


class Ticket:
    """
    One request's way through its limits: for `async with`, around all that is done for it.

    Entering it waits where that helps, by priority and then by arrival. Tokens are an estimate until `settle`: the prompt's, and what the caller asks
    for at most, or else the mean of the model's answers.

    Attributes:
        call: the request within its limits. Inside the block it has the headers that its caller is to see.
    """

    __slots__ = ("_limiter", "_seen_at", "_soft", "_taken", "_terms", "_tokens", "_used", "call")

    def __init__(self, limiter: Limiter, terms: Terms, call: Call) -> None:
        self._limiter = limiter
        self._terms = terms
        self._tokens = self._estimate(limiter, call)
        self._taken = 0
        self._soft: list[Line] = []
        self._used: int | None = None
        self._seen_at = 0.0
        self.call = call

    def __aenter__(self) -> Awaitable[None]:
        """
        Raises (on entering):
            LimitReached: a limit would let it in too late; `retry_after_s` says when it may.
        """
        now = self._seen_at = self._limiter.now()
        tokens = self._tokens
        for taken, line in enumerate(self._terms.hard):
            if not line.try_take(tokens if line.counts_tokens else 1, now):
                self._taken = taken
                return self._wait()
        self._taken = len(self._terms.hard)
        self._begin(now)
        return READY

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        if self._used is None and kind is not None and issubclass(kind, TurnoutError):
            self._used = 0
        self._leave(self._used, self._limiter.now())
        return READY

    def settle(self, answer: Answer | None) -> None:
        """Tell what the request used, by its answer; None if it had none. Without this, it's taken to have used what was to be expected."""
        call = self.call
        if answer is None:
            self._used = 0
        elif answer.usage is not None:
            self._used = answer.usage.input_tokens + answer.usage.output_tokens
            self._limiter.note_output(call.route.name, answer.usage.output_tokens)
        else:
            self._used = call.features.prompt_tokens + answer.events

    async def _wait(self) -> None:
        """Wait in one line after the other, keeping what's taken, until all are passed."""
        limiter, lines = self._limiter, (*self._terms.hard, *self._terms.soft)
        is_in = False
        for line in lines:
            line.keep()
        try:
            while self._taken < len(self._terms.hard):
                await self._pass(self._terms.hard[self._taken])
                self._taken += 1
            is_in = True
        finally:
            now = limiter.now()
            limiter.tally.waited_for_limits(now - self._seen_at)
            if not is_in:
                self._back_out(now)
            for line in lines:
                line.let_go()
        self._seen_at = now
        self._begin(now)

    async def _pass(self, line: Line) -> None:
        """Take from one line, after a wait if that's short enough; every line still to come has a say in that."""
        limiter, call = self._limiter, self.call
        now, priority = limiter.now(), call.priority
        need = self._need(line)
        if line.try_take(need, now):
            return
        until = min(call.constraints.deadline_at, self._seen_at + call.route.retries.max_wait_s)
        for each in self._terms.hard[self._taken :]:
            wait_s = each.wait_s(self._need(each), priority, now)
            if each.is_full or until < now + wait_s < math.inf:
                raise self._refuse(each, wait_s)
        try:
            await line.wait(need, priority, until - now)
        except TimeoutError:
            now = limiter.now()
            raise self._refuse(line, line.wait_s(need, priority, now)) from None
        limiter.tally.limited(line.bucket.kind, line.bucket.limit.unit.value, "waited")

    def _begin(self, now: float) -> None:
        """It's in: count for soft limits, and write down what the caller is told."""
        over: list[Line] = []
        for line in self._terms.soft:
            if line.try_take(self._need(line), now):
                self._soft.append(line)
            else:
                over.append(line)
                self._limiter.tally.limited(line.bucket.kind, line.bucket.limit.unit.value, "soft")
        headers = [header for rates in self._terms.told for header in rates.tell(now)]
        if over:
            headers.append(soft_header(over))
        self.call = msgspec.structs.replace(self.call, limit_headers=headers)

    def _leave(self, used: int | None, now: float) -> None:
        """Give seats back, and the tokens that weren't used; None for a caller that left."""
        if used is None:
            used = min(
                self._tokens,
                self.call.features.prompt_tokens + int(self._limiter.expected_output(self.call.route.name)),
            )
        back = self._tokens - used
        for line in (*self._terms.hard, *self._soft):
            if line.counts_tokens:
                line.leave(back, now)
            elif line.bucket.refills:
                line.leave(0, now)
            else:
                line.bucket.note_held(now - self._seen_at)
                line.leave(1, now)

    def _back_out(self, now: float) -> None:
        """Give all back: the request has done nothing."""
        for line in self._terms.hard[: self._taken]:
            line.leave(self._need(line), now)

    def _refuse(self, line: Line, wait_s: float) -> LimitReached:
        limiter, bucket = self._limiter, line.bucket
        limiter.tally.limited(bucket.kind, bucket.limit.unit.value, "refused")
        wait_s = max(LEAST_RETRY_S, wait_s) if wait_s < math.inf else UNKNOWN_RETRY_S
        now = limiter.now()
        headers = tuple(header for rates in self._terms.told for header in rates.tell(now))
        return LimitReached(explain_full(bucket.limit, bucket.kind, wait_s), None, wait_s, headers)

    def _need(self, line: Line) -> float:
        return self._tokens if line.counts_tokens else 1

    @staticmethod
    def _estimate(limiter: Limiter, call: Call) -> int:
        features = call.features
        if call.request.operation is Operation.EMBEDDINGS:
            return features.prompt_tokens
        asked = features.max_output_tokens
        return features.prompt_tokens + (int(limiter.expected_output(call.route.name)) if asked is None else asked)


def _too_large(limit: Limit, text: str) -> BadRequest:
    if limit.unit is Unit.CONTEXT_TOKENS:
        return ContextLengthExceeded(text, "messages")
    return BadRequest(text, "max_tokens")


def _with_max_tokens(request: ApiRequest, tokens: int) -> ApiRequest:
    fields = {**request.fields, "max_tokens": msgspec.Raw(b"%d" % tokens)}
    return msgspec.structs.replace(request, max_output_tokens=tokens, fields=fields)
