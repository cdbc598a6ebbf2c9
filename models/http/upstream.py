"""The upstream client: a pool for each address, or a forward proxy where an endpoint names one."""

import asyncio
import ssl

from turnout.models.exchange import Out
from turnout.models.http.deadlines import Deadlines
from turnout.models.http.forward_proxy import ForwardProxy
from turnout.models.http.head import RequestHeads
from turnout.models.http.pool import NotConnectedError, Pool, PoolLimits
from turnout.models.http.relay import Relay
from turnout.models.outflow import Outflow
from turnout.models.target import Endpoint
from turnout.models.upstream import Limits, Outcome, UpstreamRequest


class HttpUpstream:
    """
    Owns the connections to every model server of this process; an `Upstream`. Made and used on one running event loop.

    What goes beyond the seam's words:
    - A stream's `start` goes with the first byte of its body, so an answer that dies before it is not committed.
    - Nothing is retried here. `was_sent` is False for failed connections and for STALE: a kept connection whose peer demonstrably closed before the
      whole request had reached it. Any other break, even of a kept connection without a byte of answer, counts as sent: the peer may have begun.
    - An error body over 256 KiB, or over `answer_bytes`, is TOO_LARGE, with the status and the beginning of the body.
    - `accept-encoding: identity` is always sent; a 2xx answer that is encoded all the same is PROTOCOL.
    - Waiting for a free connection (`PoolLimits.connections`) counts as connecting.
    - An answer without a length ends where the peer closes, and can't be told from one that was cut there; chat streams have their own end mark.

    Raises (from `relay`):
        ValueError: a host, path, method or header line of the endpoint or the request can't be sent as it is.
    """

    def __init__(self, limits: PoolLimits | None = None) -> None:
        self._limits = limits or PoolLimits()
        self._loop = asyncio.get_running_loop()
        self._outflow = Outflow(self._loop)
        self._pools: dict[tuple[str, int, ssl.SSLContext | None], Pool] = {}
        self._heads = RequestHeads()
        self._deadlines = Deadlines(self._loop)
        self._idle_timer: asyncio.TimerHandle | None = None
        self._proxied = ForwardProxy(self._limits)

    def __repr__(self) -> str:
        return f"HttpUpstream({list(self._pools.values())!r}, {self._deadlines!r})"

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        """See `Upstream.relay`."""
        if endpoint.proxy is not None:
            return await self._proxied.relay(endpoint, request, out, limits)
        head = self._heads.encode(endpoint, request)
        pool = self._find_pool(endpoint)
        try:
            connection = pool.try_take() or await pool.open(limits)
        except NotConnectedError as error:
            return Outcome(0, (), b"", error.failure, error.detail, False, False, None, self._loop.time())
        done: asyncio.Future[Outcome] = self._loop.create_future()
        relay = Relay(out, request, limits, self._loop.time, done)
        connection.send(head, request.body, relay)
        self._deadlines.watch(relay, connection)
        if len(self._deadlines) == 1:
            self._outflow.flush()  # nobody else has anything to send in this turn
        try:
            return await done
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            self._deadlines.unwatch(relay)
            if self._idle_timer is None:
                self._idle_timer = self._loop.call_later(self._limits.idle_s, self._close_idle)

    async def close(self) -> None:
        """See `Upstream.close`."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._deadlines.close()
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        await self._proxied.close()

    def _find_pool(self, endpoint: Endpoint) -> Pool:
        key = (endpoint.host, endpoint.port, endpoint.tls)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(*key, self._limits, self._outflow)
        return pool

    def _close_idle(self) -> None:
        self._idle_timer = None
        now = self._loop.time()
        again_at: list[float] = []
        for key, pool in tuple(self._pools.items()):
            next_at = pool.close_idle(now)
            if next_at is not None:
                again_at.append(next_at)
            elif pool.is_empty:
                del self._pools[key]
        if again_at:
            self._idle_timer = self._loop.call_at(min(again_at), self._close_idle)
