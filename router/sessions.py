"""People and services that signed in with a token, remembered until it ends."""

import threading
from collections.abc import Callable

from turnout.models.access import Principal

_MOST = 10_000

Verify = Callable[[bytes], Principal | None]
"""Whose token it is, with `expires_at_s`; None for one that isn't valid. Takes 0.1 ms or so."""


class Sessions:
    """
    Owner of what verified tokens said, by their digests, so that each is verified once; bounded, the oldest goes first.

    Large bodies are admitted on threads, so `find` may run on any; what's new is put in under a lock.
    """

    def __init__(self, verify: Verify | None = None) -> None:
        """
        Args:
            verify: for a token that isn't remembered; None where nobody can sign in.
        """
        self._verify = verify
        self._known: dict[bytes, Principal] = {}
        self._changing = threading.Lock()

    def __repr__(self) -> str:
        return f"<Sessions {len(self._known)}{'' if self._verify else ' (nobody can sign in)'}>"

    def find(self, digest: bytes, token: bytes) -> Principal | None:
        """
        Whose token this is; its time may be over.

        Args:
            digest: BLAKE2b-256 of the token.
            token: as presented; not kept.
        """
        known = self._known
        found = known.get(digest)
        if found is None and self._verify is not None and looks_like_jwt(token):
            found = self._verify(token)
            if found is not None:
                self._remember(known, digest, found)
        return found

    def clear(self) -> None:
        """Verify every token again: keys or settings have changed. What is being verified now goes into what is thrown away."""
        self._known = {}

    def _remember(self, known: dict[bytes, Principal], digest: bytes, principal: Principal) -> None:
        with self._changing:
            if len(known) >= _MOST:
                del known[next(iter(known))]
            known[digest] = principal


def looks_like_jwt(token: bytes) -> bool:
    """Whether it can be one: three parts, the first of which begins as JSON in base64 does."""
    return token.startswith(b"eyJ") and token.count(b".") == 2 and len(token) <= 16_384
