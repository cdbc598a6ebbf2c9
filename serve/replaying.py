"""Opens a router's store of idempotency keys as its settings say, and closes it."""

import asyncio
import contextlib
import time

from turnout.router.idempotency.in_memory import MemoryStore
from turnout.router.idempotency.in_redis import RedisServer, RedisStore
from turnout.router.idempotency.replays import Replays
from turnout.serve.config.idempotency import IdempotencySettings
from turnout.serve.config.secret import Secrets

LAST_WRITE_S = 2.0


class Replaying:
    """
    Owner of the store, and of the task that writes to Redis where there's one.

    Attributes:
        replays: for the gateway.
    """

    def __init__(self, settings: IdempotencySettings, secrets: Secrets, owner: str) -> None:
        """
        Open it; has to be called on the loop.

        Args:
            owner: unique among routers.

        Raises:
            ConfigError: the secret isn't there, isn't a URL of Redis, or redis-py isn't installed.
        """
        self._shared: tuple[RedisServer, RedisStore, asyncio.Task[None]] | None = None
        if settings.redis is None:
            store: MemoryStore | RedisStore = MemoryStore(settings.to_bounds(), time.monotonic)
        else:
            server = open_server(secrets.read_line(settings.redis), secrets)
            store = RedisStore(server, settings.keep_s, owner.encode(), time.monotonic)
            task = asyncio.get_running_loop().create_task(store.run(), name="write idempotency keys")
            self._shared = server, store, task
        self.replays = Replays(store, settings.answer_bytes)

    def __repr__(self) -> str:
        return f"Replaying({self.replays!r})"

    @property
    def is_running(self) -> bool:
        """Whether what requests leave is written."""
        return self._shared is None or not self._shared[2].done()

    async def close(self) -> None:
        """Write what is left, for a moment at most, and close the connections."""
        if self._shared is None:
            return
        server, store, task = self._shared
        task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITE_S):
                await store.write()
        await server.close()


def open_server(url: str, secrets: Secrets) -> RedisServer:
    """
    Connections to the server at `url`.

    Raises:
        ConfigError: it's no URL of Redis, or redis-py isn't installed; the URL isn't repeated, since it may hold a password.
    """
    try:
        return RedisServer(url)
    except ImportError:
        raise secrets.refuse("args.idempotency.redis needs redis-py (pip install 'turnout[redis]')") from None
    except ValueError:
        raise secrets.refuse("args.idempotency.redis isn't redis://HOST:PORT/DB or rediss://…") from None
