"""The keys that Control handed out, as a router knows them."""

import asyncio
from collections.abc import Mapping

import msgspec

from turnout.models.access import Principal
from turnout.router.sessions import Sessions

_principals = msgspec.msgpack.Decoder(Principal)

PREFIX = b"sk-tn-"
"""How these keys begin."""


class KeyChanges(msgspec.Struct, frozen=True, array_like=True):
    """
    What changed in Control's directory, as routers are told.

    Attributes:
        version: of the directory with these changes in it.
        since: the version that they come on top of, or None if they are all there is.
        principals: those that are new or others now, by the digest of their key: a `Principal` in msgpack.
        gone: digests of keys that aren't any more.
    """

    version: int
    since: int | None
    principals: Mapping[bytes, bytes]
    gone: tuple[bytes, ...] = ()


class Directory:
    """
    Owner of what Control told, on one event loop; it stays as it is while Control is away.

    Principals are kept as they came and read when they are first asked for, so that ten thousand of them cost nothing on arrival. As many as
    Control has: nobody else can make it grow.

    Attributes:
        version: of Control's directory that this is; -1 before anything came.
        sessions: of those who have a token instead of a key; Control has nothing to do with them.
    """

    def __init__(self, sessions: Sessions | None = None) -> None:
        self.sessions = sessions or Sessions()
        self.version = -1
        self._has_come = asyncio.Event()
        self._known: dict[bytes, bytes | Principal] = {}

    def __repr__(self) -> str:
        return f"Directory(version={self.version}, keys={len(self._known)})"

    @property
    def is_known(self) -> bool:
        """Whether Control has told of its keys at all."""
        return self.version >= 0

    def find(self, digest: bytes) -> Principal | None:
        """Whose key has this BLAKE2b-256; it may have expired or be blocked."""
        found = self._known.get(digest)
        if type(found) is bytes:
            found = self._known[digest] = _principals.decode(found)
        return found  # type: ignore[return-value]

    def take(self, changes: KeyChanges) -> None:
        """Apply them, unless they come on top of another version: what this one has is in its next report, and Control sends what is right for it."""
        if changes.since is None:
            self._known = dict(changes.principals)
        elif changes.since != self.version:
            return
        else:
            self._known.update(changes.principals)
            for digest in changes.gone:
                self._known.pop(digest, None)
        self.version = changes.version
        self._has_come.set()

    async def wait_until_known(self) -> None:
        """Returns once Control has told of its keys."""
        await self._has_come.wait()
