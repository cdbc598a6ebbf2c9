"""Answers a request with an idempotency key once: the same answer again, 409 while it's on its way, 422 for another request."""

import asyncio
import hashlib
import re
from types import TracebackType

from turnout.models.access import Principal
from turnout.models.errors import BadRequest, Conflict, Unprocessable
from turnout.models.exchange import Out, RequestHead
from turnout.router.idempotency.recording import Recording
from turnout.router.idempotency.store import ClaimStore, KeptAnswer, Verdict

IDEMPOTENCY_KEY = b"idempotency-key"
_KEY = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_THREAD_BYTES = 4 * 1024 * 1024
"""From this size on, hashing a body would hold up the loop for over 5 ms (about 1 GB/s)."""
_AGAIN_S = 1.0


class Replays:
    """Gives each request with a key to one execution only, as far as its store reaches."""

    def __init__(self, store: ClaimStore, most_bytes: int) -> None:
        """
        Args:
            store: of one replica, or shared by several.
            most_bytes: of an answer; larger ones aren't kept, and their keys become free again.
        """
        self._store = store
        self._most_bytes = most_bytes

    def __repr__(self) -> str:
        return f"Replays({self._store!r})"

    def once(self, principal: Principal, head: RequestHead, body: bytes, out: Out) -> "Once":
        """
        For `async with`, around the work for one request.

        Gives the Out to answer into, or None when the answer has been given already: then there is nothing to do.
        """
        return Once(self._store, self._most_bytes, principal, head, body, out)


class Once:
    """One request's hold on its key: from a claim to a kept answer, or to a free key, however the block ends."""

    __slots__ = ("_body", "_fingerprint", "_head", "_is_claimed", "_key", "_most_bytes", "_out", "_principal", "_store")

    def __init__(
        self, store: ClaimStore, most_bytes: int, principal: Principal, head: RequestHead, body: bytes, out: Out
    ) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._principal = principal
        self._head = head
        self._body = body
        self._out = out
        self._key = self._fingerprint = b""
        self._is_claimed = False

    async def __aenter__(self) -> Recording | None:
        """
        Claim the key, or answer.

        Raises:
            BadRequest: the key isn't one.
            Conflict: the same request is being answered.
            Unprocessable: the key belongs to another request.
            NoTarget: the store can't be reached.
        """
        self._key = hash_key(self._principal, self._head.headers[IDEMPOTENCY_KEY])
        if len(self._body) < _THREAD_BYTES:
            self._fingerprint = hash_request(self._head.path, self._body)
        else:
            self._fingerprint = await asyncio.to_thread(hash_request, self._head.path, self._body)
        found = await self._store.claim(self._key, self._fingerprint)
        if isinstance(found, KeptAnswer):
            found.replay(self._out)
            return None
        if found is Verdict.IN_FLIGHT:
            raise Conflict("A request with this Idempotency-Key is being answered; send it again soon.", None, _AGAIN_S)
        if found is Verdict.OTHER_REQUEST:
            raise Unprocessable(
                "This Idempotency-Key belongs to a request with another body or route; use a new key for a new request."
            )
        self._is_claimed = True
        return Recording(self._out, self._most_bytes, self._keep)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_claimed:
            self._store.free(self._key)

    def _keep(self, answer: KeptAnswer) -> None:
        self._is_claimed = False
        self._store.keep(self._key, self._fingerprint, answer)


def hash_key(principal: Principal, key: bytes) -> bytes:
    """
    The key in its principal's own space: nobody can ask for another one's answer.

    Raises:
        BadRequest: it isn't 1 to 255 printable ASCII characters.
    """
    if not _KEY.fullmatch(key):
        raise BadRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.", "idempotency-key")
    space = f"{principal.tenant}\0{principal.key_id}\0{principal.user}\0".encode()
    return hashlib.blake2b(space + key, digest_size=32).digest()


def hash_request(path: bytes, body: bytes) -> bytes:
    """What must be the same for a request to be the same: route and body, byte for byte."""
    digest = hashlib.blake2b(path, digest_size=32)
    digest.update(b"\0")
    digest.update(body)
    return digest.digest()
