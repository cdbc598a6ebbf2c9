"""
Every error that Turnout tells a caller about, as one tree.

    TurnoutError
    ├── BadRequest 400 ── ContextLengthExceeded, ContentFiltered
    ├── Unauthorized 401
    ├── Forbidden 403
    ├── NotFound 404 ── ModelNotFound
    ├── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409
    ├── BodyTooLarge 413
    ├── Unprocessable 422
    ├── RateLimited 429 ── LimitReached, BudgetExceeded
    ├── HeaderTooLarge 431
    ├── InternalError 500
    ├── UpstreamFailed 502
    ├── NoTarget 503 ── Unservable 400 ── FitsNowhere
    └── UpstreamTimeout 504

Arguments are positional only: an error with keyword-only arguments doesn't survive the pickling that Ray does.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class ErrorBody(msgspec.Struct):
    """OpenAI's error object; all four keys are always present."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(msgspec.Struct):
    """What an OpenAI route answers instead of a result."""

    error: ErrorBody


class TurnoutError(Exception):
    """
    Something a caller is told about, with the HTTP status and the OpenAI error type it's told with.

    Attributes:
        message: what is wrong and how to mend it; names the wrong value.
        param: the request field it is about, if there is one.
        retry_after_s: how long a client should wait, if that's known.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "api_error"
    code: ClassVar[str | None] = None
    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str, param: str | None = None, retry_after_s: float | None = None, /) -> None:
        super().__init__(message, param, retry_after_s)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> bytes:
        """The error as OpenAI's body: `{"error": {"message", "type", "param", "code"}}`."""
        return msgspec.json.encode(ErrorEnvelope(ErrorBody(self.message, self.kind, self.param, self.code)))


class BadRequest(TurnoutError):
    """The request can't be understood or isn't allowed to look like this."""

    status = 400
    kind = "invalid_request_error"


class ContextLengthExceeded(BadRequest):
    """The prompt and the asked-for output don't fit the model's context."""

    code = "context_length_exceeded"


class ContentFiltered(BadRequest):
    """A provider's or our own policy refuses the content."""

    code = "content_filter"


class Unauthorized(TurnoutError):
    """No key, or not one of ours; one generic body, so that nothing can be learnt by trying."""

    status = 401
    kind = "authentication_error"
    code = "invalid_api_key"


class Forbidden(TurnoutError):
    """The key is known and may not do this."""

    status = 403
    kind = "permission_error"


class NotFound(TurnoutError):
    """No such route."""

    status = 404
    kind = "invalid_request_error"


class ModelNotFound(NotFound):
    """No such model, or none that this key may see."""

    code = "model_not_found"


class MethodNotAllowed(TurnoutError):
    """The route exists, with another method."""

    status = 405
    kind = "invalid_request_error"


class RequestTimeout(TurnoutError):
    """The client took too long to send its request."""

    status = 408
    kind = "invalid_request_error"


class Conflict(TurnoutError):
    """The same request, by its idempotency key, is being answered."""

    status = 409
    kind = "idempotency_error"
    code = "idempotency_key_in_use"


class BodyTooLarge(TurnoutError):
    """The body is over the edge's limit."""

    status = 413
    kind = "invalid_request_error"


class Unprocessable(TurnoutError):
    """An idempotency key that belongs to another request."""

    status = 422
    kind = "idempotency_error"
    code = "idempotency_key_reused"


class RateLimited(TurnoutError):
    """Too many requests or tokens, here or at every provider asked."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"
    is_retryable = True


class LimitReached(RateLimited):
    """
    A limit of ours is reached, and waiting for it here would take too long.

    Attributes:
        headers: how much is left of which limit.
    """

    def __init__(
        self,
        message: str,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        /,
    ) -> None:
        super().__init__(message, param, retry_after_s)
        self.args = (message, param, retry_after_s, headers)
        self.headers = headers


class BudgetExceeded(RateLimited):
    """The money is spent; waiting a second won't help, so clients are told not to retry."""

    kind = "insufficient_quota"
    code = "budget_exceeded"
    is_retryable = False


class HeaderTooLarge(TurnoutError):
    """The header is over the edge's limit."""

    status = 431
    kind = "invalid_request_error"


class InternalError(TurnoutError):
    """A fault of ours; the log has it, the caller doesn't."""


class UpstreamFailed(TurnoutError):
    """The model server answered with nonsense, an error of its own, or not to the end."""

    status = 502
    is_retryable = True


class NoTarget(TurnoutError):
    """
    Nothing that may answer this request can do so now.

    Attributes:
        reasons: codes of why the places that there are may not, such as `not_local` or `breaker_open`.
    """

    status = 503
    kind = "overloaded_error"
    is_retryable = True

    def __init__(
        self,
        message: str,
        param: str | None = None,
        retry_after_s: float | None = None,
        reasons: frozenset[str] = frozenset(),
        /,
    ) -> None:
        super().__init__(message, param, retry_after_s)
        self.args = (message, param, retry_after_s, reasons)
        self.reasons = reasons


class Unservable(NoTarget):
    """Nothing may ever answer this request as the config is; asking again is no use."""

    status = 400
    kind = "invalid_request_error"
    code = "no_eligible_target"
    is_retryable = False


class FitsNowhere(Unservable):
    """The prompt and the asked-for output don't fit the context of any model that might answer."""

    code = "context_length_exceeded"


class UpstreamTimeout(TurnoutError):
    """The model server was silent for too long."""

    status = 504
    is_retryable = True
