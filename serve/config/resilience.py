"""How much a model's requests endure before they fail, as the cluster file says it: times, retries, fallbacks, hedging, breakers."""

from typing import Annotated

from pydantic import Field, PositiveInt

from turnout.models.target import BreakerPolicy
from turnout.router.catalogue import Degrade, Fallbacks, Hedging, Retries, Timeouts
from turnout.serve.config.fields import ModelName, Seconds, Settings

# Defaults stand where the router reads them.
_TIMEOUTS = Timeouts()
_RETRIES = Retries()
_HEDGING = Hedging()
_DEGRADE = Degrade()
_BREAKER = BreakerPolicy()

Share = Annotated[float, Field(ge=0, le=1)]
Pause = Annotated[float, Field(ge=0, le=3600)]
Models = Annotated[tuple[ModelName, ...], Field(max_length=16)]


class TimeoutSettings(Settings):
    """
    How long the parts of a request may take.

    Attributes:
        connect_s: opening a connection to the target.
        first_token_s: from an attempt's start to the first token of its stream; a caller's `x-turnout-ttft-s` can only shorten it.
        gap_s: between two pieces of a stream; a caller's `x-turnout-gap-s` can only shorten it.
        attempt_s: one attempt: a whole unary answer, or the beginning of a stream.
        total_s: everything, all attempts and waiting; a caller's `x-turnout-timeout-s` or `timeout` can only shorten it.
        heartbeat_after_s: silence towards the client after which a stream gets a comment, so that nothing in between gives up on it.
    """

    connect_s: Seconds = _TIMEOUTS.connect_s
    first_token_s: Seconds = _TIMEOUTS.first_token_s
    gap_s: Seconds = _TIMEOUTS.gap_s
    attempt_s: Seconds = _TIMEOUTS.attempt_s
    total_s: Seconds = _TIMEOUTS.total_s
    heartbeat_after_s: Seconds = _TIMEOUTS.heartbeat_after_s

    def to_timeouts(self) -> Timeouts:
        """The same for the router."""
        return Timeouts(**self.model_dump())


class RetrySettings(Settings):
    """
    How often, and after which pauses, one request may be tried again.

    Attributes:
        max_attempts: of one request in all, fallbacks included; 1 never tries again.
        same_target: further attempts at a target that failed.
        backoff_first_s: a pause is drawn between 0 and this, doubled for each further one.
        backoff_max_s: the longest of these pauses.
        max_wait_s: the longest Retry-After that's waited for; with a longer one the request goes elsewhere.
        budget_share: retries on the same target are at most this share of the requests of the last 10 s.
        budget_floor: and this many in any case, so that a quiet gateway can retry at all.
    """

    max_attempts: Annotated[int, Field(ge=1, le=20)] = _RETRIES.max_attempts
    same_target: Annotated[int, Field(ge=0, le=20)] = _RETRIES.same_target
    backoff_first_s: Pause = _RETRIES.backoff_first_s
    backoff_max_s: Pause = _RETRIES.backoff_max_s
    max_wait_s: Pause = _RETRIES.max_wait_s
    budget_share: Share = _RETRIES.budget_share
    budget_floor: Annotated[int, Field(ge=0, le=1_000_000)] = _RETRIES.budget_floor

    def to_retries(self) -> Retries:
        """The same for the router."""
        return Retries(**self.model_dump())


class FallbackSettings(Settings):
    """
    Other public models that answer when this one can't, in order, by cause.

    Attributes:
        any_error: when the place failed: network, 5xx, 429, time, credentials; and for the causes below that have no list, content policy aside.
        context_window: when the prompt doesn't fit.
        content_policy: when the provider refuses the content; never `any_error`.
        rate_limit: under rate limits, at once and before waiting: a cheaper model, say.
        budget: when the caller's money is spent.
    """

    any_error: Models = ()
    context_window: Models = ()
    content_policy: Models = ()
    rate_limit: Models = ()
    budget: Models = ()

    def names(self) -> frozenset[str]:
        """Every model that is named for some cause."""
        return frozenset((*self.any_error, *self.context_window, *self.content_policy, *self.rate_limit, *self.budget))

    def to_fallbacks(self) -> Fallbacks:
        """The same for the router."""
        return Fallbacks(**self.model_dump())


class HedgingSettings(Settings):
    """
    A second attempt when the first is slower than most; the first token wins and the other attempt is ended.

    Attributes:
        quantile: of the model's recent times to first token; the second attempt starts then.
        max_share: of requests that may have a second attempt.
    """

    quantile: Annotated[float, Field(gt=0, lt=1)] = _HEDGING.quantile
    max_share: Annotated[float, Field(gt=0, le=1)] = _HEDGING.max_share

    def to_hedging(self) -> Hedging:
        """The same for the router."""
        return Hedging(**self.model_dump())


class DegradeSettings(Settings):
    """
    What a caller gets when nothing can answer.

    Attributes:
        stale: an answer from the cache that's past its time, where a cache is on.
        answer: a text given as the model's answer; a 503 with Retry-After unless said.
    """

    stale: bool = _DEGRADE.stale
    answer: Annotated[str, Field(min_length=1, max_length=16_384)] | None = _DEGRADE.answer

    def to_degrade(self) -> Degrade:
        """The same for the router."""
        return Degrade(**self.model_dump())


class BreakerSettings(Settings):
    """
    When a target is given a rest, and how it comes back.

    Attributes:
        failure_share: of the attempts of the last `window_s` that failed, from which on the breaker opens.
        min_attempts: in the window before the share says anything.
        window_s: how far back is looked.
        open_s: until the first probe; doubled for each probe that fails, up to `open_max_s`.
        open_max_s: the longest such time.
        probes: attempts let through at once while half open; as many successes close it.
        slow_start_s: how long a closed breaker takes to let its full share of requests through again.
    """

    failure_share: Annotated[float, Field(gt=0, le=1)] = _BREAKER.failure_share
    min_attempts: PositiveInt = _BREAKER.min_attempts
    window_s: Seconds = _BREAKER.window_s
    open_s: Seconds = _BREAKER.open_s
    open_max_s: Seconds = _BREAKER.open_max_s
    probes: PositiveInt = _BREAKER.probes
    slow_start_s: Pause = _BREAKER.slow_start_s

    def to_policy(self) -> BreakerPolicy:
        """The same for the router."""
        return BreakerPolicy(**self.model_dump())
