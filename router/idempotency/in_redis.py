"""Claims and answers that several routers share, in Redis or Valkey."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from turnout.models.errors import NoTarget
from turnout.router.idempotency.store import KeptAnswer, Verdict

LEASE_S = 30.0
"""How long a claim lasts that nobody renews: its router is gone, and the key is free again."""
RENEW_S = LEASE_S / 3
_WAITING_BYTES = 64 * 1024 * 1024
"""Of answers on their way to the server; more than that isn't kept."""
_PREFIX = b"turnout:idempotency:"
_CLAIMED, _KEPT = b"?", b"!"
_HASH_BYTES = 32

# Each acts only on a claim that is still the caller's: ARGV[1] is its value.
_KEEP = b"if redis.call('GET',KEYS[1])==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) end"
_FREE = b"if redis.call('GET',KEYS[1])==ARGV[1] then redis.call('DEL',KEYS[1]) end"
_RENEW = b"if redis.call('GET',KEYS[1])==ARGV[1] then redis.call('PEXPIRE',KEYS[1],ARGV[2]) end"

_log = logging.getLogger("turnout.idempotency")
_answers = msgspec.msgpack.Decoder(KeptAnswer)


class Server(Protocol):
    """A Redis."""

    async def call(self, *command: bytes | int) -> object:
        """
        Send one command and give its answer; bytes for strings.

        Raises:
            NoTarget: it doesn't answer in time, or refuses.
        """
        ...


class _Client(Protocol):
    """The part of redis-py that's used; it has no types of its own for this."""

    async def execute_command(self, *args: bytes | int) -> object: ...

    async def aclose(self) -> None: ...


class RedisServer:
    """Connections to one Redis or Valkey, by redis-py."""

    def __init__(self, url: str, timeout_s: float = 1.0) -> None:
        """
        Prepare; the first command connects.

        Args:
            url: `redis://` or `rediss://`, with user, password and database.
            timeout_s: for a connection, and for each answer.

        Raises:
            ImportError: redis-py isn't installed.
            ValueError: no such URL.
        """
        from redis.asyncio import Redis  # noqa: PLC0415  # an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._errors = (RedisError, OSError, TimeoutError)
        client: object = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 1)
        )
        self._client = cast("_Client", client)

    async def call(self, *command: bytes | int) -> object:
        """See `Server.call`."""
        try:
            return await self._client.execute_command(*command)
        except self._errors as error:
            _log.warning("redis doesn't answer error=%s", type(error).__name__)
            raise NoTarget(
                "The store of idempotency keys can't be reached, so nobody knows whether this request was answered;"
                " send it again later, or without the key.",
                None,
                1.0,
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class RedisStore:
    """
    Owner of one router's claims in a store that others share; `run` has to run.

    A claim is a value of its own under the key, for `LEASE_S`, renewed as long as the request lives. What a request leaves is written by `run`, soon
    after it has ended: until then, another router's clients are told to come again.
    """

    def __init__(self, server: Server, keep_s: float, owner: bytes, now: Callable[[], float]) -> None:
        """
        Args:
            keep_s: how long an answer is given again. How much is kept is for the server's own limit of memory.
            owner: unique among all routers.
            now: monotonic, for the renewals.
        """
        self._server = server
        self._keep_ms = int(keep_s * 1000)
        self._owner = owner
        self._now = now
        self._counter = itertools.count(1)
        self._mine: dict[bytes, bytes] = {}
        self._ending: dict[bytes, tuple[bytes, bytes | None]] = {}
        self._ending_bytes = 0
        self._has_ending = asyncio.Event()

    def __repr__(self) -> str:
        return f"<RedisStore {len(self._mine)} claims, {len(self._ending)} to be written>"

    async def claim(self, key: bytes, fingerprint: bytes) -> KeptAnswer | Verdict:
        """See `ClaimStore.claim`."""
        mine = self._mine.get(key)
        if mine is not None:
            return _judge(mine, fingerprint)
        value = b"%b%b%b:%d" % (_CLAIMED, fingerprint, self._owner, next(self._counter))
        self._mine[key] = value
        is_answered = False
        try:
            found = await self._claim(_PREFIX + key, value, fingerprint)
            is_answered = True
        finally:
            if not is_answered:  # cancelled or unreachable: the server may have it all the same
                self.free(key)
        if found is not Verdict.CLAIMED:
            self._mine.pop(key, None)
        return found

    def keep(self, key: bytes, fingerprint: bytes, answer: KeptAnswer) -> None:
        """See `ClaimStore.keep`."""
        value = _KEPT + fingerprint + msgspec.msgpack.encode(answer)
        fits = self._ending_bytes + len(value) <= _WAITING_BYTES
        self._end(key, value if fits else None)

    def free(self, key: bytes) -> None:
        """See `ClaimStore.free`."""
        self._end(key, None)

    async def run(self) -> None:
        """Write what requests leave, and renew the claims of those that go on, until it's cancelled."""
        renew_at = self._now() + RENEW_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, renew_at - self._now())):
                    await self._has_ending.wait()
            await self.write()
            if self._now() >= renew_at:
                await self._renew()
                renew_at = self._now() + RENEW_S

    async def write(self) -> None:
        """Write all that requests have left; what can't be written is left to its lease."""
        self._has_ending.clear()
        while self._ending:
            key, (mine, value) = next(iter(self._ending.items()))
            del self._ending[key]
            with contextlib.suppress(NoTarget):
                if value is None:
                    await self._server.call(b"EVAL", _FREE, 1, _PREFIX + key, mine)
                else:
                    self._ending_bytes -= len(value)
                    await self._server.call(b"EVAL", _KEEP, 1, _PREFIX + key, mine, value, self._keep_ms)

    async def _claim(self, place: bytes, value: bytes, fingerprint: bytes) -> KeptAnswer | Verdict:
        lease_ms = int(LEASE_S * 1000)
        for _ in range(3):
            if await self._server.call(b"SET", place, value, b"NX", b"PX", lease_ms) is not None:
                return Verdict.CLAIMED
            held = await self._server.call(b"GET", place)
            if held == value:  # set before, by a command whose answer was lost
                return Verdict.CLAIMED
            if isinstance(held, bytes):
                return _judge(held, fingerprint)
        return Verdict.IN_FLIGHT  # it comes and goes: somebody is at it

    async def _renew(self) -> None:
        for key, value in list(self._mine.items()):
            with contextlib.suppress(NoTarget):
                await self._server.call(b"EVAL", _RENEW, 1, _PREFIX + key, value, int(LEASE_S * 1000))

    def _end(self, key: bytes, value: bytes | None) -> None:
        mine = self._mine.pop(key, None)
        if mine is not None:
            self._ending[key] = (mine, value)
            self._ending_bytes += len(value or b"")
            self._has_ending.set()


def _judge(held: bytes, fingerprint: bytes) -> KeptAnswer | Verdict:
    """What a stored value says to a request."""
    owner = held[1 : 1 + _HASH_BYTES]
    if owner != fingerprint:
        return Verdict.OTHER_REQUEST
    return _answers.decode(held[1 + _HASH_BYTES :]) if held.startswith(_KEPT) else Verdict.IN_FLIGHT
