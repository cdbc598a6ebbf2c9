"""
The seams of the line around execute: guard, shape and cache.

Each is a protocol of one to three methods. A stage is added by giving the Gateway an implementation; one that is off is None there and costs nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from turnout.models.access import Principal
from turnout.models.exchange import Headers, Out, RequestHead
from turnout.models.openai.request import ApiRequest
from turnout.router.call import Call
from turnout.router.execute.attempts import Attempt
from turnout.router.values import Features


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
    """A kept answer in the form that was asked for, and who had given it."""

    headers: Headers
    body: bytes
    target: str
    age_s: float


Execute = Callable[[Out], Awaitable[Attempt | None]]
"""Has a model answer into an Out; see `Gateway`. Raises TurnoutError where nothing has been written."""


class Visit(Protocol):
    """One request's dealings with the cache."""

    async def find(self) -> CacheHit | None:
        """A fresh answer, or None."""
        ...

    async def run(self, out: Out, execute: Execute) -> None:
        """
        Have a model answer into `out`, alone or together with others who ask the same, and keep the answer where that's allowed.

        Raises:
            TurnoutError: as `execute` does.
        """
        ...

    async def find_stale(self) -> CacheHit | None:
        """An answer past its time, asked for once when no target is left."""
        ...


class Cache(Protocol):
    """Answers from before. Keys include the tenant and the Constraints; see ADR 0007 for the order of the Outs."""

    def visit(self, call: Call, head: RequestHead) -> Visit | None:
        """
        What the cache does for this call; None where its model has none.

        Raises:
            BadRequest: what the caller wants of the cache can't be understood.
        """
        ...
