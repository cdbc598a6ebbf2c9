"""Model servers that each play their own scripts, and the clusters that they are put into."""

import json
from collections import Counter
from dataclasses import dataclass, field

from tests.fakes import FakeUpstream, Script, endpoints
from turnout.models.exchange import Out
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Limits, Outcome, UpstreamRequest
from turnout.router.catalogue import Catalogue, ModelRoute

DONE = b"data: [DONE]\n\n"
ROLE = (
    b'data: {"id":"c1","created":7,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
)
FINISH = b'data: {"id":"c1","created":7,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


def say(text: str, *ids: int) -> bytes:
    """A chat chunk with this text, and the comment with its token ids if there are any."""
    choice = {"index": 0, "delta": {"content": text}}
    event = json.dumps({"id": "c1", "created": 7, "model": "up", "choices": [choice]}).encode()
    return (b":t %s\n" % json.dumps(ids).encode() if ids else b"") + b"data: " + event + b"\n\n"


def said(body: bytes) -> str:
    """The text of a stream as a client reads it."""
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk.get("choices", ())
        if "delta" in choice
    )


class FakeServers(FakeUpstream):
    """An Upstream in which every endpoint has scripts of its own, by its id; the last of them goes on."""

    def __init__(self, **scripts: tuple[Script, ...] | Script) -> None:
        super().__init__()
        self.scripts = {name: list(each) if isinstance(each, tuple) else [each] for name, each in scripts.items()}

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        self.calls.append((endpoint, request, limits))
        own = self.scripts[endpoint.id]
        return await (own.pop(0) if len(own) > 1 else own[0])(endpoint, request, out)

    @property
    def asked(self) -> list[str]:
        """Endpoint ids, in the order in which they were asked."""
        return [call[0].id for call in self.calls]

    @property
    def counts(self) -> Counter[str]:
        """How often each endpoint was asked."""
        return Counter(self.asked)

    def body(self, number: int) -> dict[str, object]:
        """The body of a call, the first is 0."""
        found: dict[str, object] = json.loads(self.calls[number][1].body)
        return found


@dataclass
class Cluster:
    """
    Some public models as one catalogue.

    Attributes:
        routes: the models.
        keys: how many keys each fixed target has, where it's more than one.
    """

    routes: tuple[ModelRoute, ...]
    keys: dict[str, int] = field(default_factory=dict)

    def to_catalogue(self) -> Catalogue:
        """Targets without a pool get an endpoint for each key: `name`, or `name1`, `name2`… at one address."""
        targets = {target.name: target for route in self.routes for target in route.targets if target.pool is None}
        fixed = {name: self._endpoints(target) for name, target in targets.items()}
        return Catalogue("v1", {route.name: route for route in self.routes}, fixed, is_open=True)

    def _endpoints(self, target: Target) -> tuple[Endpoint, ...]:
        count = self.keys.get(target.name, 1)
        if count == 1:
            return (Endpoint(target.name, f"{target.name}.test", 443),)
        return tuple(
            Endpoint(
                f"{target.name}{number}", f"{target.name}.test", 443, headers=((b"authorization", b"%d" % number),)
            )
            for number in range(1, count + 1)
        )


def pool_of(*ids: str) -> dict[str, tuple[str, ...]]:
    """The endpoints of the pool that `tests.gateways.LOCAL` has."""
    return {"pool": tuple(each.id for each in endpoints(*ids))}
