"""
The seams of the line that nothing fills yet: guard, shape and cache.

Each is a protocol of one to three methods. A stage is added by giving the Gateway an implementation; one that is off is None there and costs nothing.
"""

from typing import Protocol

import msgspec

from turnout.models.access import Principal
from turnout.models.exchange import Headers, Out
from turnout.models.openai.request import ApiRequest
from turnout.router.values import Constraints, Features


class Guard(Protocol):
    """Looks at what goes in and what comes out; refuses with ContentFiltered, or masks."""

    async def check(self, request: ApiRequest, principal: Principal) -> ApiRequest:
        """The request as it may go on. Raises ContentFiltered."""
        ...

    def watch(self, request: ApiRequest, out: Out) -> Out:
        """An Out that checks or unmasks the answer; it lies outside the cache, which holds the masked form."""
        ...


class Shape(Protocol):
    """Changes what is sent without changing what is meant: prompt templates, token savings."""

    async def shape(self, request: ApiRequest, features: Features) -> ApiRequest:
        """The request as it is sent."""
        ...


class CacheHit(msgspec.Struct, frozen=True):
    """A stored answer, and who had given it."""

    status: int
    headers: Headers
    body: bytes
    target: str
    age_s: float


class Cache(Protocol):
    """Answers from before. Keys include the tenant and the Constraints; see ADR 0007 for the order of the Outs."""

    async def find(self, request: ApiRequest, principal: Principal, constraints: Constraints) -> CacheHit | None:
        """A fresh answer, or None."""
        ...

    async def find_stale(self, request: ApiRequest, principal: Principal, constraints: Constraints) -> CacheHit | None:
        """An answer past its time, asked for once when no target is left."""
        ...

    def keep(self, request: ApiRequest, principal: Principal, constraints: Constraints, out: Out) -> Out:
        """An Out that keeps a complete answer for later as it passes on."""
        ...
