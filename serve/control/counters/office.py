"""All that Control does to share limits with other clusters, as one thing to start and to stop."""

import asyncio
import contextlib
import time
from typing import Self

from turnout.router.idempotency.in_redis import RedisServer
from turnout.serve.config.counters import CounterSettings
from turnout.serve.config.secret import Secrets
from turnout.serve.control.counters.exchange import KEEP_S, Exchange
from turnout.serve.control.counters.in_redis import RedisCounters
from turnout.serve.control.shares import Shares

LAST_WORD_S = 2.0


class CountersOffice:
    """Owner of the connections, and of the task that exchanges parts; does nothing where no other cluster shares limits."""

    def __init__(self, server: RedisServer | None, exchange: Exchange | None) -> None:
        """`open` makes both by the settings; neither where there are none."""
        self._server = server
        self._exchange = exchange
        self._task = None
        if exchange is not None:
            self._task = asyncio.get_running_loop().create_task(exchange.run(), name="share limits with other clusters")

    def __repr__(self) -> str:
        return f"CountersOffice({self._exchange!r})"

    @classmethod
    def open(cls, settings: CounterSettings | None, secrets: Secrets, shares: Shares, cluster: str) -> Self:
        """
        Begin.

        Args:
            settings: None where no other cluster shares limits.
            cluster: its name, the same after a restart.

        Raises:
            ConfigError: the secret isn't there, isn't a URL of Redis, or redis-py isn't installed; the URL isn't repeated.
        """
        if settings is None:
            return cls(None, None)
        try:
            server = RedisServer(secrets.read_line(settings.url))
        except ImportError:
            raise secrets.refuse("args.counters needs redis-py (pip install 'turnout[redis]')") from None
        except ValueError:
            raise secrets.refuse("args.counters.url isn't redis://HOST:PORT/DB or rediss://…") from None
        store = RedisCounters(server, settings.prefix, KEEP_S)
        return cls(server, Exchange(cluster, store, shares, time.monotonic, keeps=settings.on_failure == "keep"))

    @property
    def is_running(self) -> bool:
        """Whether parts are exchanged, where they are to be."""
        return self._task is None or not self._task.done()

    async def close(self) -> None:
        """Give this cluster's part back if no router uses any of it, for a moment at most, and close the connections."""
        if self._task is None or self._exchange is None or self._server is None:
            return
        self._task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD_S):
                await self._exchange.leave()
        await self._server.close()
