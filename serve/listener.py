"""A replica's own listener for the other replicas of the cluster: a port of its own, and a secret that only they can learn."""

import secrets
from typing import Any

import ray
from ray.util import get_node_ip_address

from turnout.models.exchange import Handler
from turnout.serve.edge.config import EdgeConfig, EdgeLimits
from turnout.serve.edge.edge import Edge
from turnout.serve.edge.secret import require_secret

ZONE_LABEL = "ray.io/availability-zone"


class PrivateListener:
    """
    Owner of one edge that answers only requests with the secret that it made; ADR 0005 says who learns it, and how.

    Attributes:
        secret: as it goes into the header `x-turnout-secret`.
    """

    def __init__(self, handler: Handler, host: str | None, limits: EdgeLimits | None = None) -> None:
        """
        Prepare to listen; `open` does.

        Args:
            handler: answers the requests that carry the secret.
            host: the address to listen on, or None for the node's own, at which other nodes can reach it.
            limits: the edge's limits, if not its defaults.
        """
        self.secret = secrets.token_urlsafe(32)
        config = EdgeConfig(host=host or get_node_ip_address(), port=0, limits=limits or EdgeLimits())
        self._edge = Edge(require_secret(handler, self.secret.encode()), config)

    def __repr__(self) -> str:
        return f"PrivateListener({self._edge.host}:{self._edge.port}, in_flight={self.in_flight})"

    async def open(self) -> None:
        """Listen, at a free port."""
        await self._edge.start()

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return self._edge.in_flight

    def metadata(
        self, model: str, version: str, context_tokens: int | None = None, *, heeds_priority: bool = False
    ) -> dict[str, Any]:
        """
        What a replica returns from `record_replica_metadata`, for discovery to read.

        Args:
            model: what the replica calls its model, or "" for several.
            version: of what runs the model.
            context_tokens: the longest prompt and answer together that it takes, or None where it isn't known.
            heeds_priority: whether it orders its queue by the `priority` of requests.
        """
        zones = ray.get_runtime_context().get_node_labels().get(ZONE_LABEL, "")
        return {
            "host": self._edge.host,
            "port": self._edge.port,
            "secret": self.secret,
            "model": model,
            "version": version,
            "context_tokens": context_tokens,
            "heeds_priority": heeds_priority,
            "zone": zones if isinstance(zones, str) else ",".join(zones),
        }

    def check(self) -> None:
        """
        Raise if nothing listens any more, for a replica's `check_health`.

        Raises:
            RuntimeError: the listener is gone.
        """
        if not self._edge.is_listening:
            raise RuntimeError("the listener is gone")

    async def drain(self, within_s: float) -> None:
        """Take no new connections, let what is in flight finish for so long, and close."""
        await self._edge.drain(within_s)
        await self._edge.close()
