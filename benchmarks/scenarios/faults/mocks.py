"""
The two scripted upstreams behind the gateway that is judged.

    python -m turnout.benchmarks.scenarios.faults.mocks PORT      one of them; prints "listening PORT"
"""

import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from turnout.benchmarks.load.children import python_module, start_child
from turnout.serve.mock.script import parse_script
from turnout.serve.mock.server import MockConfig, serve_mock

KEPT_REQUESTS = 20_000
EMPTY = {"models": {"unused": {}}}


class Arrival(msgspec.Struct, frozen=True):
    """
    A request as an upstream saw it; times are of the machine's monotonic clock.

    Attributes:
        model: whose script answered.
        ended_ns: when the upstream was done with it, or None.
        end: `answered`, `left` by its client, or None.
        body: of the request.
    """

    model: str
    arrived_ns: int
    ended_ns: int | None = None
    end: str | None = None
    body: str = ""


class Stats(msgspec.Struct, frozen=True):
    """An upstream's counters: requests by model."""

    requests: dict[str, int]
    in_flight: int
    clients_left: int


@dataclass(frozen=True, slots=True)
class Mock:
    """A `turnout mock` on 127.0.0.1."""

    port: int

    @property
    def base_url(self) -> str:
        """With `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def play(self, script: Mapping[str, Any]) -> None:
        """From now on it goes by this script, and counts anew."""
        self._ask("script", "PUT", msgspec.json.encode(script))

    def stats(self) -> Stats:
        """What it has seen since."""
        return msgspec.json.decode(self._ask("stats"), type=Stats)

    def arrivals(self, model: str) -> Sequence[Arrival]:
        """The requests to one model, oldest first."""
        return msgspec.json.decode(self._ask(f"requests?model={quote(model)}"), type=list[Arrival])

    def _ask(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_mock/{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())


@contextmanager
def start_mock(port: int = 0) -> Iterator[Mock]:
    """A mock in a process of its own, on a free port unless one is given; ended with the block."""
    with start_child(python_module("turnout.benchmarks.scenarios.faults.mocks", str(port))) as child:
        yield Mock(child.port)


def report_port(host: str, port: int) -> None:
    """The line that the parent waits for."""
    del host
    print(f"listening {port}", flush=True)


if __name__ == "__main__":
    serve_mock(MockConfig(script=parse_script(EMPTY), port=int(sys.argv[1]), kept_requests=KEPT_REQUESTS), report_port)
