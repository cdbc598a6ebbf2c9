"""Small calls whose whole answer is wanted: probes, snapshots, internal routes."""

import asyncio
from dataclasses import dataclass

from turnout.models.errors import UpstreamFailed, UpstreamTimeout
from turnout.models.exchange import Headers
from turnout.models.target import Endpoint
from turnout.models.upstream import Limits, Upstream, UpstreamRequest


class Collected:
    """
    An Out that keeps what it's given.

    Attributes:
        status: the status given, 0 before.
        headers: the header lines given with it.
        chunks: the pieces of the body, in order; one for a `full`.
        is_ended: whether `full` or `end` was called.
    """

    __slots__ = ("chunks", "headers", "is_ended", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.chunks: list[bytes] = []
        self.is_ended = False

    @property
    def body(self) -> bytes:
        """All pieces so far."""
        return b"".join(self.chunks)

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self.start(status, headers)
        self.chunks.append(body)
        self.is_ended = True

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self.status = status
        self.headers = headers

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        """See `Out.write`; never asks to wait."""
        self.chunks.append(chunk)
        return None

    def end(self) -> None:
        """See `Out.end`."""
        self.is_ended = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of any status, with all of its header."""

    status: int
    headers: Headers
    body: bytes


async def call(upstream: Upstream, endpoint: Endpoint, request: UpstreamRequest, timeout_s: float) -> Answer:
    """
    Make one call and wait for its whole answer, whatever its status.

    Raises:
        UpstreamTimeout: nothing whole within `timeout_s`.
        UpstreamFailed: the connection couldn't be made or broke, or the answer isn't HTTP or is too large.
    """
    out = Collected()
    total_at = asyncio.get_running_loop().time() + timeout_s
    outcome = await upstream.relay(endpoint, request, out, Limits(timeout_s, timeout_s, timeout_s, total_at))
    if outcome.failure is not None and outcome.failure.is_timeout:
        raise UpstreamTimeout(f"{endpoint.id!r} didn't answer {request.path!r} within {timeout_s} s")
    if outcome.failure is not None:
        raise UpstreamFailed(f"{endpoint.id!r} didn't answer {request.path!r}: {outcome.failure.value}")
    return Answer(outcome.status, outcome.headers, out.body if outcome.is_ok else outcome.body)
