"""Turns what an OpenAI-compatible server says when it refuses into the error that our caller gets."""

import math

import msgspec

from turnout.models.cause import Cause
from turnout.models.errors import (
    BadRequest,
    ContentFiltered,
    ContextLengthExceeded,
    ModelNotFound,
    RateLimited,
    TurnoutError,
    UpstreamFailed,
    UpstreamTimeout,
)
from turnout.models.upstream import Failure, Outcome

MESSAGE_CHARS = 500
_BY_STATUS = {
    401: Cause.CREDENTIALS,
    402: Cause.CREDENTIALS,
    403: Cause.CREDENTIALS,
    404: Cause.NO_SUCH_MODEL,
    408: Cause.SERVER_ERROR,  # the server's own time-out: nothing is wrong with the request
    429: Cause.RATE_LIMITED,
    503: Cause.OVERLOADED,
    529: Cause.OVERLOADED,  # Anthropic's
}
_BY_FAILURE = {
    Failure.CONNECT: Cause.NEVER_SENT,
    Failure.CONNECT_TIMEOUT: Cause.NEVER_SENT,
    Failure.STALE: Cause.NEVER_SENT,
    Failure.FIRST_BYTE_TIMEOUT: Cause.TIMEOUT,
    Failure.TOTAL_TIMEOUT: Cause.TIMEOUT,
    Failure.GAP_TIMEOUT: Cause.STALLED_STREAM,
    Failure.TOO_LARGE: Cause.SERVER_ERROR,
}
_BY_CODE = {
    "content_filter": Cause.CONTENT_POLICY,
    "content_policy_violation": Cause.CONTENT_POLICY,
    "context_length_exceeded": Cause.CONTEXT_WINDOW,
    "insufficient_quota": Cause.CREDENTIALS,
    "invalid_api_key": Cause.CREDENTIALS,
    "model_not_found": Cause.NO_SUCH_MODEL,
    "overloaded_error": Cause.OVERLOADED,
    "rate_limit_error": Cause.RATE_LIMITED,
    "rate_limit_exceeded": Cause.RATE_LIMITED,
}
"""Codes and types of error objects, OpenAI's and those that its imitators use; they say more than the status."""


class _Refusal(msgspec.Struct):
    message: str | None = None
    param: str | None = None
    code: str | int | None = None
    type: str | None = None


class _RefusalBody(msgspec.Struct):
    error: _Refusal | str | None = None


_decoder = msgspec.json.Decoder(_RefusalBody)
_event_decoder = msgspec.json.Decoder(_Refusal | str)

# vLLM gives no code of its own for this. Source: its OpenAI server's messages, 0.32; OpenAI's message is the same.
_SAYS_TOO_LONG = "maximum context length"


def find_cause(outcome: Outcome, error: bytes | None) -> Cause:
    """
    Why an attempt that isn't whole failed.

    Args:
        outcome: how the call ended.
        error: the error event of a stream, or the error object in a 200, as JSON; None if there was none.
    """
    if outcome.status >= 400:
        return _cause_of_refusal(outcome)
    if outcome.failure is not None:
        if outcome.failure in _BY_FAILURE:
            return _BY_FAILURE[outcome.failure]
        return Cause.BROKEN_STREAM if outcome.is_committed else Cause.NETWORK
    if error is not None:
        return _cause_of_object(_parse(error)) or Cause.BROKEN_STREAM
    return Cause.BROKEN_STREAM if outcome.is_committed else Cause.SERVER_ERROR


def _cause_of_refusal(outcome: Outcome) -> Cause:
    """By the error object where it says more than the status, else by the status."""
    refusal = _parse_body(outcome.body)
    found = _cause_of_object(refusal) if outcome.status < 500 else None
    if found is not None:
        return found
    if outcome.status == 400 and refusal.message and _SAYS_TOO_LONG in refusal.message:
        return Cause.CONTEXT_WINDOW
    return _BY_STATUS.get(outcome.status, Cause.SERVER_ERROR if outcome.status >= 500 else Cause.BAD_REQUEST)


def _cause_of_object(refusal: _Refusal) -> Cause | None:
    return _BY_CODE.get(str(refusal.code)) or _BY_CODE.get(refusal.type or "")


def explain_outcome(outcome: Outcome, target: str) -> TurnoutError:
    """
    The error for a caller whose request ended in `outcome` at `target`.

    A refusal of the request itself (400-class) carries the upstream's own message, cut to MESSAGE_CHARS, since only it says what to mend.
    Everything else is told in our words: what a server says when it fails is for logs.
    """
    if outcome.failure is not None and outcome.failure.is_timeout:
        return UpstreamTimeout(f"Target {target!r} didn't answer in time ({outcome.failure.value.replace('_', ' ')}).")
    if outcome.failure is not None:
        return UpstreamFailed(f"The connection to target {target!r} failed ({outcome.failure.value}).")
    if outcome.is_ok:
        return UpstreamFailed(f"Target {target!r} gave an answer that isn't whole.")
    if 400 <= outcome.status < 500:
        return _explain_refusal(outcome, target)
    return UpstreamFailed(f"Target {target!r} answered with status {outcome.status}.", None, retry_after_s(outcome))


def retry_after_s(outcome: Outcome) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (the form in seconds; a date counts as absent, and so does what isn't finite)."""
    headers = dict(outcome.headers)
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def _explain_refusal(outcome: Outcome, target: str) -> TurnoutError:
    """A 4xx: only what is about the request itself is told in the upstream's words."""
    refusal = _parse_body(outcome.body)
    message = (refusal.message or f"Target {target!r} refused the request ({outcome.status}).")[:MESSAGE_CHARS]
    match _cause_of_refusal(outcome):
        case Cause.CREDENTIALS:
            # Our fault, not the caller's: they'd look for it in their own key.
            is_unpaid = outcome.status == 402 or refusal.code == "insufficient_quota"
            what = "wants to be paid" if is_unpaid else "refused this gateway's credentials"
            return UpstreamFailed(f"Target {target!r} {what}; ask the gateway's operator.")
        case Cause.RATE_LIMITED:
            return RateLimited(f"Target {target!r} is rate limited.", None, retry_after_s(outcome))
        case Cause.CONTEXT_WINDOW:
            return ContextLengthExceeded(message, refusal.param)
        case Cause.CONTENT_POLICY:
            return ContentFiltered(message, refusal.param)
        case Cause.NO_SUCH_MODEL:
            return ModelNotFound(f"Target {target!r} doesn't know the model it's configured with.", "model")
        case Cause.BAD_REQUEST:
            return BadRequest(message, refusal.param)
        case _:
            return UpstreamFailed(
                f"Target {target!r} answered with status {outcome.status}.", None, retry_after_s(outcome)
            )


def _parse_body(body: bytes) -> _Refusal:
    """The error object of a refusal; an empty one where there is none."""
    try:
        found = _decoder.decode(body).error
    except msgspec.DecodeError:
        found = None
    return _Refusal(message=found) if isinstance(found, str) else found or _Refusal()


def _parse(error: bytes) -> _Refusal:
    """An error object, or its text."""
    try:
        found = _event_decoder.decode(error)
    except msgspec.DecodeError:
        return _Refusal()
    return _Refusal(message=found) if isinstance(found, str) else found
