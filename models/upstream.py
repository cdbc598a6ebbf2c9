"""The seam between the request line and whatever carries a request to a model server: one call, one `Outcome`."""

import enum
from collections.abc import Callable
from typing import Protocol

import msgspec

from turnout.models.exchange import Headers, Out
from turnout.models.target import Endpoint


class Failure(enum.Enum):
    """Why an upstream call has no whole answer."""

    CONNECT = "connect"
    """No connection could be opened; nothing was sent."""
    STALE = "stale"
    """A kept connection had been closed by the peer before it took the request; nothing was processed."""
    RESET = "reset"
    """The connection broke after the request was sent."""
    PROTOCOL = "protocol"
    """What came back isn't HTTP, or breaks its framing."""
    TOO_LARGE = "too_large"
    """The unary answer or error body is over `Limits.answer_bytes`."""
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    GAP_TIMEOUT = "gap_timeout"
    TOTAL_TIMEOUT = "total_timeout"

    @property
    def is_timeout(self) -> bool:
        """Whether one of `Limits`' times ran out."""
        return self in _TIMEOUTS


_TIMEOUTS = frozenset({Failure.CONNECT_TIMEOUT, Failure.FIRST_BYTE_TIMEOUT, Failure.GAP_TIMEOUT, Failure.TOTAL_TIMEOUT})


class UpstreamRequest(msgspec.Struct, frozen=True):
    """
    One request as it goes out, host and credentials aside (those are the endpoint's).

    Attributes:
        path: the route below the endpoint's `base_path`, such as `/chat/completions`.
        body: JSON.
        is_stream: whether a 2xx answer is pushed into the Out piece by piece, or whole.
        headers: extra lines, such as the request id.
        method: `POST` unless said.
        passes: whether a line of the answer's header, by its name in lower case, goes into the Out beside content-type; None for no other.
    """

    path: str
    body: bytes
    is_stream: bool
    headers: Headers = ()
    method: str = "POST"
    passes: Callable[[bytes], bool] | None = None


class Limits(msgspec.Struct, frozen=True):
    """
    How long each part of an upstream call may take, in seconds, and how large an answer may be.

    Attributes:
        connect_s: opening a connection, TLS included.
        first_byte_s: from the request sent to the first token of the answer (stream) or its head (unary).
        gap_s: between two pieces of a stream.
        total_at: when everything has to be over, on the event loop's clock (`loop.time()`).
        answer_bytes: largest unary answer and error body.
        has_token: whether a stream's first token has come, asked now and then; None counts its first byte as one. Servers send a first event
            without any text long before they have a token.
    """

    connect_s: float
    first_byte_s: float
    gap_s: float
    total_at: float
    answer_bytes: int = 64 * 1024 * 1024
    has_token: Callable[[], bool] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """
    How one upstream call ended.

    Only a 2xx answer goes into the Out. Any other answer is kept here, so that the caller can decide to try elsewhere.

    Attributes:
        status: the HTTP status, or 0 if no head came.
        headers: the answer's header, or ().
        body: the body of an answer that isn't 2xx (an error's, bounded), else b"".
        failure: what went wrong on the wire, or None if the answer is whole.
        detail: one line about the failure for logs; never shown to callers.
        was_sent: whether the peer may have begun to process the request. False means that it is safe to send it again.
        is_committed: whether anything was pushed into the Out.
        first_byte_at: loop time of the first byte of the body, or None.
        ended_at: loop time at the end.
    """

    status: int
    headers: Headers
    body: bytes
    failure: Failure | None
    detail: str
    was_sent: bool
    is_committed: bool
    first_byte_at: float | None
    ended_at: float

    @property
    def is_ok(self) -> bool:
        """Whether a whole 2xx answer went into the Out."""
        return self.failure is None and 200 <= self.status < 300


class Upstream(Protocol):
    """Carries requests to endpoints. `turnout.models.http` has the pooled client, and one for forward proxies."""

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        """
        Send `request` to `endpoint` and push a 2xx answer into `out` as it comes.

        A unary answer ends in one `out.full`; a streamed one in `start`, `write`…, `end`. `end` isn't called when the stream broke. Content-type is
        the only header passed to the Out, unless the request `passes` others. Failures of the wire are told in the Outcome, not raised.
        Cancelling the call closes the upstream connection at once.
        """
        ...

    async def close(self) -> None:
        """Close every connection; calls in flight end as `Failure.RESET`."""
        ...
