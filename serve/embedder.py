"""The Serve deployment of a sentence-embedding pool: each replica has a model, a batch loop, and a listener for routers."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from ray import serve

from turnout.models.disk.store import find
from turnout.models.embedding.coalescer import BatchLimits, Coalescer
from turnout.models.embedding.fingerprint import fingerprint
from turnout.models.embedding.sentence import ENVIRONMENT, SentenceEmbedder
from turnout.serve.config.arguments import EmbedderArgs
from turnout.serve.embeddings import EmbeddingsRoute
from turnout.serve.front import only_routes, with_load
from turnout.serve.listener import PrivateListener
from turnout.serve.options import deployment_options
from turnout.serve.scaling import IN_FLIGHT

ROUTES = {b"/v1/embeddings": b"POST"}


class Embedder:
    """One replica of an embedding pool; `turnout.serve.engine.Engine` is its model, hook for hook."""

    async def __init__(self, args: EmbedderArgs) -> None:
        self._args = args
        self._is_draining = False
        self._served_name = args.served_name or serve.get_replica_context().app_name
        folder = find(args.model)
        model = await asyncio.to_thread(SentenceEmbedder, folder, args.threads)
        self._stack = AsyncExitStack()
        self._coalescer = await self._stack.enter_async_context(Coalescer(model, BatchLimits(texts=args.max_batch)))
        mark = await asyncio.to_thread(fingerprint, folder)
        route = EmbeddingsRoute(self._served_name, model, self._coalescer, mark)
        self._listener = PrivateListener(with_load(only_routes(route, ROUTES), self._coalescer.load), args.host)
        await self._listener.open()

    def record_replica_metadata(self) -> dict[str, Any]:
        """Where routers reach this replica; Serve asks once."""
        return self._listener.metadata(self._served_name, f"sentence-transformers {version('sentence-transformers')}")

    def record_routing_stats(self) -> dict[str, float]:
        """Texts in the model and waiting; Serve passes it on with the list of replicas."""
        return asdict(self._coalescer.load())

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Requests in flight, for `turnout.serve.scaling`."""
        return {IN_FLIGHT: float(self._listener.in_flight)}

    def check_health(self) -> None:
        """
        Tell Serve whether this replica can answer.

        Raises:
            RuntimeError: the batch loop or the listener is gone.
        """
        if self._is_draining:
            return
        if not self._coalescer.is_running:
            raise RuntimeError("the batch loop is gone")
        self._listener.check()

    async def __del__(self) -> None:
        """Finish what is in flight. Serve awaits this once, when the replica is stopped."""
        self._is_draining = True
        await self._listener.drain(self._args.drain_s)
        await self._stack.aclose()


def embedder_app(args: EmbedderArgs) -> serve.Application:
    """The Serve application of an embedding pool."""
    options = deployment_options(args, {**ENVIRONMENT, **args.env})
    return serve.deployment(Embedder).options(name="Embedder", **options).bind(args)
