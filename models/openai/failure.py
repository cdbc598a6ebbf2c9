"""Turns what an OpenAI-compatible server says when it refuses into the error that our caller gets."""

import msgspec

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
from turnout.models.upstream import Outcome

MESSAGE_CHARS = 500
# A provider refusing our credentials is our fault, not the caller's: they'd look for it in their own key.
_OURS = {401: "refused this gateway's credentials", 402: "wants to be paid", 403: "refused this gateway's credentials"}


class _Refusal(msgspec.Struct):
    message: str | None = None
    param: str | None = None
    code: str | int | None = None


class _RefusalBody(msgspec.Struct):
    error: _Refusal | str | None = None


_decoder = msgspec.json.Decoder(_RefusalBody)


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
    if outcome.status in _OURS:
        return UpstreamFailed(f"Target {target!r} {_OURS[outcome.status]}; ask the gateway's operator.")
    if 400 <= outcome.status < 500:
        return _explain_refusal(outcome, target)
    return UpstreamFailed(f"Target {target!r} answered with status {outcome.status}.", None, retry_after_s(outcome))


def retry_after_s(outcome: Outcome) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (the form in seconds; a date counts as absent)."""
    headers = dict(outcome.headers)
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    return None


def _explain_refusal(outcome: Outcome, target: str) -> TurnoutError:
    """A 4xx that's about the request, or about how many there are."""
    if outcome.status == 429:
        return RateLimited(f"Target {target!r} is rate limited.", None, retry_after_s(outcome))
    try:
        refusal = _decoder.decode(outcome.body).error
    except msgspec.DecodeError:
        refusal = None
    if isinstance(refusal, str):
        refusal = _Refusal(message=refusal)
    refusal = refusal or _Refusal()
    message = (refusal.message or f"Target {target!r} refused the request ({outcome.status}).")[:MESSAGE_CHARS]
    if refusal.code == "context_length_exceeded" or "maximum context length" in message:
        return ContextLengthExceeded(message, refusal.param)
    if refusal.code == "content_filter":
        return ContentFiltered(message, refusal.param)
    if outcome.status == 404:
        return ModelNotFound(f"Target {target!r} doesn't know the model it's configured with.", "model")
    return BadRequest(message, refusal.param)
