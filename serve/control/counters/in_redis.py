"""The text of several Controls in Redis or Valkey."""

from typing import cast

from turnout.models.errors import NoTarget
from turnout.router.idempotency.in_redis import Server
from turnout.serve.control.counters.store import Found

# ARGV[1] is the version that was read; ARGV[2] the text to write in its place, and ARGV[3] for how many milliseconds. Without them it's only read.
# Versions are the server's times, so that none comes again after the key was forgotten.
_SCRIPT = b"""
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local found = redis.call('HMGET', KEYS[1], 'version', 'text')
local version = found[1] or ''
local is_written = 0
if #ARGV == 3 and ARGV[1] == version then
  version = string.format('%.0f', math.max(now_us, (tonumber(version) or 0) + 1))
  redis.call('HSET', KEYS[1], 'version', version, 'text', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  is_written = 1
end
return {string.format('%.0f', now_us), version, is_written, #ARGV == 0 and found[2] or false}
"""


class RedisCounters:
    """A hash of one server, changed by one script; a CounterStore."""

    def __init__(self, server: Server, prefix: str, keep_s: float) -> None:
        """
        Args:
            prefix: of the key; Controls with the same server and prefix share their limits.
            keep_s: how long after the last write it's forgotten.
        """
        self._server = server
        self._key = f"{prefix}:limits".encode()
        self._keep_ms = int(keep_s * 1000)

    def __repr__(self) -> str:
        return f"<RedisCounters {self._key!r}>"

    async def read(self) -> Found:
        """See `CounterStore.read`."""
        now_us, version, _, text = await self._run()
        return Found(version, text or None, int(now_us) / 1e6)

    async def try_write(self, version: bytes, text: bytes) -> bool:
        """See `CounterStore.try_write`."""
        _, _, is_written, _ = await self._run(version, text, self._keep_ms)
        return bool(is_written)

    async def _run(self, *arguments: bytes | int) -> tuple[bytes, bytes, int, bytes | None]:
        try:
            answer = await self._server.call(b"EVAL", _SCRIPT, 1, self._key, *arguments)
        except NoTarget as error:
            raise NoTarget("The server of the counters can't be reached.") from error
        return cast("tuple[bytes, bytes, int, bytes | None]", answer)
