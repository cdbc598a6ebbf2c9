"""The Serve deployment for `placement: deployment`: a listener that passes OpenAI requests on to a remote provider, with its credentials."""

import asyncio
import os
from importlib.metadata import version
from typing import Any

import ray
from ray import serve

from turnout.models.errors import MethodNotAllowed, NotFound, TurnoutError, UpstreamFailed, UpstreamTimeout
from turnout.models.exchange import JSON_HEADERS, Headers, Out, RequestHead
from turnout.models.http.upstream import HttpUpstream
from turnout.models.openai.rate_limits import MARK
from turnout.models.openai.request import Operation
from turnout.models.target import Endpoint
from turnout.models.upstream import Limits, Outcome, Upstream, UpstreamRequest
from turnout.serve.config.arguments import ProviderArgs
from turnout.serve.config.secret import Secrets
from turnout.serve.listener import PrivateListener
from turnout.serve.options import deployment_options
from turnout.serve.scaling import IN_FLIGHT

CONNECT_S = 10.0
LONGEST_S = 3600.0
"""Routers keep the time limits, and hang up; this only ends what a router that vanished without a word has left."""

PASSED_DOWN = (b"x-request-id", b"traceparent", b"tracestate")
PASSED_UP = (b"content-type", b"retry-after", b"retry-after-ms", b"x-should-retry", b"x-request-id")
"""And what tells how much is left of the provider's limits: routers heed it as if they had asked themselves."""

_ROUTES = {b"/v1" + operation.path.encode(): operation.path for operation in Operation}


class Relay:
    """
    A Handler that passes a request's route and body on unchanged, and the answer back.

    Every 2xx answer is passed on piece by piece: whether it's a stream is a matter between the router and the provider.
    """

    def __init__(self, endpoint: Endpoint, upstream: Upstream) -> None:
        self._endpoint = endpoint
        self._upstream = upstream

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request."""
        try:
            await self._relay(head, body, out)
        except TurnoutError as error:
            out.full(error.status, JSON_HEADERS, error.to_json())

    async def _relay(self, head: RequestHead, body: bytes, out: Out) -> None:
        path = _ROUTES.get(head.path)
        if path is None:
            raise NotFound(f"this listener has {', '.join(sorted(route.decode() for route in _ROUTES))}")
        if head.method != b"POST":
            raise MethodNotAllowed(f"{path} takes POST")
        extra = tuple((name, head.headers[name]) for name in PASSED_DOWN if name in head.headers)
        total_at = asyncio.get_running_loop().time() + LONGEST_S
        limits = Limits(CONNECT_S, LONGEST_S, LONGEST_S, total_at)
        outcome = await self._upstream.relay(
            self._endpoint, UpstreamRequest(path, body, is_stream=True, headers=extra, passes=_goes_up), out, limits
        )
        if not outcome.is_committed:
            _finish(outcome, out)


def _finish(outcome: Outcome, out: Out) -> None:
    """Answer what isn't in the Out yet: the provider's refusal as it came, or ours for a broken wire."""
    if outcome.failure is None:
        out.full(outcome.status, _passed_up(outcome.headers), outcome.body)
    elif outcome.failure.is_timeout:
        raise UpstreamTimeout(f"the provider didn't answer in time: {outcome.failure.value}")
    else:
        raise UpstreamFailed(f"the provider couldn't be asked: {outcome.failure.value}")


def _passed_up(headers: Headers) -> Headers:
    return tuple((name, value) for name, value in headers if _goes_up(name))


def _goes_up(name: bytes) -> bool:
    return name in PASSED_UP or MARK in name


class Provider:
    """One replica: like an engine to routers, with the model elsewhere."""

    async def __init__(self, args: ProviderArgs) -> None:
        self._args = args
        self._is_draining = False
        secrets = Secrets(os.environ, ray.get_runtime_context().get_node_id())
        self._upstream = HttpUpstream()
        self._listener = PrivateListener(Relay(args.to_endpoint(secrets), self._upstream), args.host)
        await self._listener.open()

    def record_replica_metadata(self) -> dict[str, Any]:
        """Where routers reach it; Serve asks once."""
        return self._listener.metadata("", version("turnout"))

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Requests in flight, for `turnout.serve.scaling`."""
        return {IN_FLIGHT: float(self._listener.in_flight)}

    def check_health(self) -> None:
        """
        Tell Serve whether it listens. Whether the provider answers is the breaker's question.

        Raises:
            RuntimeError: the listener is gone.
        """
        if not self._is_draining:
            self._listener.check()

    async def __del__(self) -> None:
        """Finish what is in flight. Serve awaits this once."""
        self._is_draining = True
        await self._listener.drain(self._args.drain_s)
        await self._upstream.close()


def provider_app(args: ProviderArgs) -> serve.Application:
    """The Serve application of a provider."""
    return serve.deployment(Provider).options(name="Provider", **deployment_options(args, {})).bind(args)
