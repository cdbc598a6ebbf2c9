"""The route's table: every path and method that the router answers; anything else is refused here."""

import json
from collections.abc import Mapping
from typing import Protocol

from turnout.models.errors import MethodNotAllowed, ModelNotFound, NoTarget, NotFound, TurnoutError
from turnout.models.exchange import JSON_HEADERS, Handler, Headers, Out, RequestHead
from turnout.models.openai.request import Operation
from turnout.router.admit import caller_id
from turnout.router.catalogue import ModelRoute
from turnout.router.gateway import Gateway, error_headers

_TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)
_METRICS: Headers = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)
_MODEL_PREFIX = b"/v1/models/"

SETTINGS_S = 5.0
"""A replica listens before Serve gives it its settings: who comes in between waits that long, instead of being told that no key is known."""


class Vitals(Protocol):
    """What health and metrics are made from."""

    def why_not_ready(self) -> str | None:
        """None when requests can be answered."""
        ...

    def is_node_draining(self) -> bool:
        """Whether this is the node's last router and it's about to stop."""
        ...

    async def metrics(self) -> bytes:
        """Prometheus text of every router on this node."""
        ...

    async def has_settings(self, within_s: float) -> bool:
        """Whether there are settings to answer by, now or within so long."""
        ...


class Site:
    """A Handler. Model routes need a key; health and metrics don't, and say nothing about prompts or keys."""

    def __init__(self, gateway: Gateway, vitals: Vitals) -> None:
        self._gateway = gateway
        self._vitals = vitals
        self._has_settings = False
        self._table: Mapping[bytes, Mapping[bytes, Handler]] = {
            b"/v1/models": {b"GET": self._list_models},
            b"/health/live": {b"GET": self._live},
            b"/health/ready": {b"GET": self._ready},
            b"/-/healthz": {b"GET": self._serve_health},
            b"/metrics": {b"GET": self._metrics},
        }
        self._operations = {b"/v1" + operation.path.encode(): operation for operation in Operation}

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request."""
        operation = self._operations.get(head.path)
        try:
            if not self._has_settings and head.path.startswith(b"/v1/"):
                await self._wait_for_settings()
            if operation is not None and head.method == b"POST":
                await self._gateway.handle(operation, head, body, out)
                return
            await self._find(head, operation)(head, body, out)
        except TurnoutError as error:
            out.full(error.status, error_headers(error, caller_id(head)), error.to_json())

    async def _wait_for_settings(self) -> None:
        self._has_settings = await self._vitals.has_settings(SETTINGS_S)
        if not self._has_settings:
            raise NoTarget("This router has no settings yet; try again soon.", None, 1.0)

    def _find(self, head: RequestHead, operation: Operation | None) -> Handler:
        path = head.path.decode("latin-1")
        methods = self._table.get(head.path)
        if methods is None and head.path.startswith(_MODEL_PREFIX):
            methods = {b"GET": self._show_model}
        if methods is None and operation is None:
            raise NotFound(f"There is no route {path!r} here.")
        method = b"GET" if head.method == b"HEAD" else head.method
        if methods is None or method not in methods:
            allowed = "POST" if methods is None else "GET"
            raise MethodNotAllowed(f"{head.method.decode('latin-1')} isn't allowed for {path!r}; use {allowed}.")
        return methods[method]

    async def _list_models(self, head: RequestHead, body: bytes, out: Out) -> None:
        del body
        models = [_describe(name, route) for name, route in _visible(head, self._gateway).items()]
        out.full(200, JSON_HEADERS, json.dumps({"object": "list", "data": models}).encode())

    async def _show_model(self, head: RequestHead, body: bytes, out: Out) -> None:
        del body
        name = head.path.removeprefix(_MODEL_PREFIX).decode("latin-1")
        principal, route = self._gateway.identify(head), self._gateway.catalogue.find(name)
        if route is None or not principal.may_use(name):
            raise ModelNotFound(f"The model {name!r} does not exist or you do not have access to it.", "model")
        out.full(200, JSON_HEADERS, json.dumps(_describe(name, route)).encode())

    async def _live(self, head: RequestHead, body: bytes, out: Out) -> None:
        del head, body
        out.full(200, JSON_HEADERS, b'{"status":"live"}')

    async def _ready(self, head: RequestHead, body: bytes, out: Out) -> None:
        del head, body
        reason = self._vitals.why_not_ready()
        if reason is None:
            out.full(200, JSON_HEADERS, b'{"status":"ready"}')
        else:
            out.full(503, JSON_HEADERS, json.dumps({"status": "not ready", "reason": reason}).encode())

    async def _serve_health(self, head: RequestHead, body: bytes, out: Out) -> None:
        """`success` is what Kubernetes' RayService probe looks for; 503 takes the node out of its service."""
        del head, body
        if self._vitals.is_node_draining():
            out.full(503, _TEXT, b"draining")
        else:
            out.full(200, _TEXT, b"success")

    async def _metrics(self, head: RequestHead, body: bytes, out: Out) -> None:
        del head, body
        out.full(200, _METRICS, await self._vitals.metrics())


def _visible(head: RequestHead, gateway: Gateway) -> Mapping[str, ModelRoute]:
    """The models that the caller's key may use, by name; of those that only a wildcard stands for, the ones that the key names."""
    principal, catalogue = gateway.identify(head), gateway.catalogue
    listed = {name: route for name, route in catalogue.exact.items() if principal.may_use(name)}
    for name in sorted(principal.allowed_models or ()) if catalogue.wildcards else ():
        route = catalogue.find(name)
        if route is not None:
            listed[name] = route
    return listed


def _describe(name: str, route: ModelRoute) -> dict[str, object]:
    return {"id": name, "object": "model", "created": route.created_at_s, "owned_by": "turnout"}
