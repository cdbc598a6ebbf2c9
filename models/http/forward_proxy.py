"""The way through a forward proxy: aiohttp, which knows CONNECT, absolute-form requests and proxy credentials, and costs about 80 µs more."""

import asyncio
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage, ContentLengthError
from yarl import URL

from turnout.models.exchange import Headers, Out
from turnout.models.http.head import authority, sendable
from turnout.models.http.pool import PoolLimits
from turnout.models.http.relay import ERROR_BYTES, passed_on
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Limits, Outcome, UpstreamRequest


class _RefusedError(Exception):
    """The answer breaks a rule of ours; says which failure that is."""

    def __init__(self, failure: Failure, detail: str, /) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail


@dataclass(slots=True)
class _Progress:
    """How far one call has come, and which limit it is under; written by the call and by aiohttp's trace of it."""

    limits: Limits
    timer: asyncio.Timeout
    limit: Failure = Failure.TOTAL_TIMEOUT
    status: int = 0
    headers: Headers = ()
    was_sent: bool = False
    is_committed: bool = False
    first_byte_at: float | None = None

    def allow(self, limit: Failure, seconds: float) -> None:
        """From now on `limit` runs out in `seconds`, if the total time doesn't before."""
        at = asyncio.get_running_loop().time() + seconds
        self.limit = limit if at < self.limits.total_at else Failure.TOTAL_TIMEOUT
        self.timer.reschedule(min(at, self.limits.total_at))

    def allow_the_rest(self) -> None:
        """From now on only the total time counts."""
        self.limit = Failure.TOTAL_TIMEOUT
        self.timer.reschedule(self.limits.total_at)

    def outcome(self, failure: Failure | None, detail: str, body: bytes = b"") -> Outcome:
        """How the call ended, now."""
        return Outcome(
            self.status,
            self.headers,
            body,
            failure,
            detail,
            self.was_sent,
            self.is_committed,
            self.first_byte_at,
            asyncio.get_running_loop().time(),
        )


class ForwardProxy:
    """
    Owns the aiohttp session, made when an endpoint first names a proxy; an `Upstream` for such endpoints.

    Where aiohttp differs from the pool, seen with 3.14: it never says STALE (a kept connection that breaks is RESET, and counts as sent); it stops
    reading at a broken chunk without a word, so that a stream ends as GAP_TIMEOUT; bytes that follow an answer unasked may spoil that answer.
    """

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        """See `Upstream.relay`."""
        progress = _Progress(limits, asyncio.timeout_at(limits.total_at))
        try:
            async with progress.timer:
                return await self._exchange(endpoint, request, out, progress)
        except _RefusedError as error:
            return progress.outcome(error.failure, error.detail)
        except aiohttp.ConnectionTimeoutError:
            return progress.outcome(Failure.CONNECT_TIMEOUT, f"no connection within {limits.connect_s} s")
        except TimeoutError:
            return progress.outcome(progress.limit, progress.limit.value.replace("_", " "))
        except (aiohttp.ClientError, OSError) as error:
            return progress.outcome(_name_failure(error, progress.was_sent), f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """See `Upstream.close`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, progress: _Progress) -> Outcome:
        response = await self._send(endpoint, request, progress)
        try:
            progress.headers = tuple((name.lower(), value.strip()) for name, value in response.raw_headers)
            progress.status = response.status
            if request.is_stream and response.ok and response.status < 300:
                await _stream(response, out, passed_on(progress.headers, request), progress)
                return progress.outcome(None, "")
            if not request.is_stream:
                progress.allow_the_rest()
            body = await _collect(response, progress)
            if not 200 <= response.status < 300:
                return progress.outcome(None, "", body)
            progress.is_committed = True
            out.full(response.status, passed_on(progress.headers, request), body)
            return progress.outcome(None, "")
        finally:
            response.close()  # keeps the connection if the answer was read to its end, else drops it at once

    async def _send(self, endpoint: Endpoint, request: UpstreamRequest, progress: _Progress) -> aiohttp.ClientResponse:
        scheme = "https" if endpoint.tls else "http"
        url = URL(f"{scheme}://{authority(endpoint)}{endpoint.base_path}{request.path}", encoded=True)
        lines = [*sendable(endpoint.headers), *sendable(request.headers), (b"accept-encoding", b"identity")]
        if request.body:
            lines.append((b"content-type", b"application/json"))
        return await self._open().request(
            request.method,
            url,
            data=request.body or None,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines],
            proxy=endpoint.proxy,
            ssl=endpoint.tls or True,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=progress.limits.connect_s),
            trace_request_ctx=progress,
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_note_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=self._limits.connections, keepalive_timeout=self._limits.idle_s
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("accept", "user-agent"),
                headers={"user-agent": "turnout"},
                auto_decompress=False,
                trace_configs=[trace],
            )
        return self._session


async def _note_sent(
    _session: aiohttp.ClientSession, context: object, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    progress = getattr(context, "trace_request_ctx", None)
    if isinstance(progress, _Progress):
        progress.was_sent = True
        progress.allow(Failure.FIRST_BYTE_TIMEOUT, progress.limits.first_byte_s)


async def _stream(response: aiohttp.ClientResponse, out: Out, headers: Headers, progress: _Progress) -> None:
    _refuse_encoded(response)
    async for piece in response.content.iter_any():
        if not progress.is_committed:
            progress.first_byte_at = asyncio.get_running_loop().time()
            progress.is_committed = True
            out.start(response.status, headers)
        drained = out.write(piece)
        if drained is not None:
            progress.allow_the_rest()
            await drained
        progress.allow(Failure.GAP_TIMEOUT, progress.limits.gap_s)
    if not progress.is_committed:
        progress.is_committed = True
        out.start(response.status, headers)
    out.end()


async def _collect(response: aiohttp.ClientResponse, progress: _Progress) -> bytes:
    most_bytes = progress.limits.answer_bytes
    if 200 <= response.status < 300:
        _refuse_encoded(response)
    else:
        most_bytes = min(most_bytes, ERROR_BYTES)
    pieces: list[bytes] = []
    held_bytes = 0
    async for piece in response.content.iter_any():
        if progress.first_byte_at is None:
            progress.first_byte_at = asyncio.get_running_loop().time()
        pieces.append(piece)
        held_bytes += len(piece)
        if held_bytes > most_bytes:
            raise _RefusedError(Failure.TOO_LARGE, f"answer of status {response.status} is over {most_bytes} bytes")
    return b"".join(pieces)


def _refuse_encoded(response: aiohttp.ClientResponse) -> None:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise _RefusedError(Failure.PROTOCOL, f"content-encoding {encoding!r} although identity was asked for")


def _name_failure(error: Exception, was_sent: bool) -> Failure:
    if not was_sent:
        return Failure.CONNECT
    if isinstance(error, aiohttp.ClientResponseError):
        return Failure.PROTOCOL
    cause = error.__cause__
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(cause, BadHttpMessage):
        return Failure.RESET if isinstance(cause, ContentLengthError) else Failure.PROTOCOL
    return Failure.RESET
