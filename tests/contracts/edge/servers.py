"""What the contract suite's fixtures hand out."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from tests.contracts.edge.uvicorn_double import UvicornDouble
from turnout.models.exchange import Handler
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge

Server = Edge | UvicornDouble
Serve = Callable[[Handler], Awaitable[Server]]


class ServeOwn(Protocol):
    """Starts an edge."""

    async def __call__(self, handler: Handler, config: EdgeConfig | None = None) -> Edge: ...
