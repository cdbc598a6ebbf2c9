"""The Serve deployment of a vLLM pool: each replica has an engine in its own process, and a listener for routers."""

from dataclasses import asdict
from typing import Any

import msgspec
from ray import serve

from turnout.models.disk.store import find
from turnout.models.engine.in_process import ENVIRONMENT, VllmEngine
from turnout.models.exchange import Handler, RequestHead
from turnout.models.http.collect import Collected
from turnout.serve.config.arguments import EngineArgs
from turnout.serve.edge.asgi import AsgiBridge
from turnout.serve.front import only_routes, while_alive, with_load, with_token_comments
from turnout.serve.listener import PrivateListener
from turnout.serve.options import engine_options
from turnout.serve.scaling import IN_FLIGHT

ROUTES = {
    b"/v1/chat/completions": b"POST",
    b"/v1/completions": b"POST",
    b"/v1/embeddings": b"POST",
    b"/v1/models": b"GET",
    b"/tokenize": b"POST",
    b"/health": b"GET",
    b"/metrics": b"GET",
}
"""What routers use. vLLM has many more, some of which load code or weights (`/collective_rpc`, `/update_weights`); those don't exist here."""

CLOSE_S = 5.0
"""How long an engine's processes have to end by themselves."""


class Engine:
    """
    One replica of a vLLM pool.

    Serve lists it only after `__init__`: with the engine open, the listener listening and one request answered. What goes wrong later shows in
    `check_health`, in words of our own: an exception of vLLM's would be unpickled in Serve's controller and import vLLM there, which stops the
    controller for ten seconds and costs it 500 MB for good (measured with Ray 2.60).
    """

    async def __init__(self, args: EngineArgs) -> None:
        served_name = args.served_name or serve.get_replica_context().app_name
        self._args = args
        self._is_draining = False
        self._engine = await VllmEngine.open(find(args.model), served_name, args.engine_kwargs)
        handler = self.make_handler()
        await warm_up(handler, served_name, self._engine.tasks)
        self._listener = PrivateListener(handler, args.host)
        await self._listener.open()

    def make_handler(self) -> Handler:
        """What the listener answers by; an engine for trials may put something around it."""
        app = while_alive(AsgiBridge(self._engine.app), lambda: self._engine.is_alive)
        return with_load(only_routes(with_token_comments(app), ROUTES), self._engine.load)

    def record_replica_metadata(self) -> dict[str, Any]:
        """Where routers reach this replica; Serve asks once."""
        engine = self._engine
        return self._listener.metadata(
            engine.served_name, engine.version, engine.context_tokens, heeds_priority=engine.heeds_priority
        )

    def record_routing_stats(self) -> dict[str, float]:
        """The engine's load; Serve passes it on with the list of replicas."""
        return asdict(self._engine.load())

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Requests in flight, for `turnout.serve.scaling`."""
        return {IN_FLIGHT: float(self._listener.in_flight)}

    def check_health(self) -> None:
        """
        Tell Serve whether this replica can answer; after three failures in a row it's replaced.

        Raises:
            RuntimeError: the engine or the listener is gone.
        """
        if not self._engine.is_alive:
            raise RuntimeError("the engine is dead")
        if not self._is_draining:
            self._listener.check()

    async def __del__(self) -> None:
        """Finish what is in flight, then end the engine. Serve awaits this once, when the replica is stopped."""
        self._is_draining = True
        await self._listener.drain(self._args.drain_s)
        await self._engine.close(CLOSE_S)


async def warm_up(handler: Handler, served_name: str, tasks: tuple[str, ...]) -> None:
    """
    Have one real request answered, so that the first user doesn't wait for what an engine does at its first request.

    Raises:
        RuntimeError: the request wasn't answered with 200.
    """
    if "generate" in tasks:
        path, request = b"/v1/completions", {"model": served_name, "prompt": "Hello", "max_tokens": 2, "temperature": 0}
    elif "embed" in tasks:
        path, request = b"/v1/embeddings", {"model": served_name, "input": "Hello"}
    else:
        return
    body = msgspec.json.encode(request)
    headers = {b"content-type": b"application/json", b"content-length": b"%d" % len(body), b"host": b"warm-up"}
    out = Collected()
    await handler(RequestHead(b"POST", path, b"", headers, "warm-up"), body, out)
    if out.status != 200 or not out.is_ended:
        raise RuntimeError(
            f"the engine's first request failed with {out.status}: {out.body[:500].decode(errors='replace')}"
        )


def engine_app(args: EngineArgs, replica: type[Engine] = Engine) -> serve.Application:
    """The Serve application of a vLLM pool; its deployment's name is the one by which routers find engines."""
    options = engine_options(args, {**ENVIRONMENT, **args.env})
    return serve.deployment(replica).options(name="Engine", **options).bind(args)
