"""The mock model server behind every gateway that is measured: the compiled C one, or `turnout mock` where there is no compiler."""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from turnout.benchmarks.load.children import python_module, start_child
from turnout.benchmarks.load.compiler import MOCK_UPSTREAM, cache_folder, find_compiler, try_build

MODEL = "mock"


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How fast the upstream answers.

    Attributes:
        delay_ms: until the answer, or until a stream's first chunk.
        chunks: content chunks in a stream.
        gap_ms: between them.
    """

    delay_ms: float = 0.0
    chunks: int = 50
    gap_ms: float = 0.0


class Upstream(Protocol):
    """A model server that gateways are put in front of."""

    @property
    def base_url(self) -> str:
        """With `/v1`, without a slash at the end."""
        ...

    @property
    def description(self) -> str:
        """What it is, for the head of a report."""
        ...

    def set_pace(self, pace: Pace) -> None:
        """Answers from now on at this pace, where it can be told to."""
        ...


class Counters(msgspec.Struct, frozen=True):
    """What the C mock has answered; `left` are requests whose client went away."""

    unary: int
    streams: int
    left: int
    connections: int


@dataclass(frozen=True, slots=True)
class CompiledUpstream:
    """The C mock at work."""

    port: int
    description: str = "c"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set_pace(self, pace: Pace) -> None:
        knobs = f"delay_us={pace.delay_ms * 1000:.0f}&chunks={pace.chunks}&gap_us={pace.gap_ms * 1000:.0f}"
        self._get(f"/_ctl?{knobs}")

    def counters(self) -> Counters:
        """What it has answered so far."""
        return msgspec.json.decode(self._get("/_stats"), type=Counters)

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return bytes(answer.read())


@dataclass(frozen=True, slots=True)
class ScriptedUpstream:
    """`turnout mock` at work: its unary answers take as long as a stream of the same length would."""

    port: int
    description: str = "turnout mock (no C compiler found: its own cost may limit what is measured)"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set_pace(self, pace: Pace) -> None:
        body = msgspec.json.encode(to_script(pace))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_mock/script", body, method="PUT")
        urllib.request.urlopen(request, timeout=5).close()


def to_script(pace: Pace) -> dict[str, Any]:
    """The script of `turnout mock` that keeps this pace."""
    latency = {"ttft_s": pace.delay_ms / 1e3, "tokens_per_s": 1e3 / pace.gap_ms if pace.gap_ms else None}
    return {"models": {MODEL: {"latency": latency, "text": {"kind": "lorem", "tokens": pace.chunks}}}}


@contextmanager
def start_upstream() -> Iterator[Upstream]:
    """A mock upstream on a free port of 127.0.0.1; ended with the block."""
    executable = try_build(MOCK_UPSTREAM, cache_folder(os.environ), find_compiler())
    command = [str(executable)] if executable else python_module("turnout.benchmarks.load.scripted_mock")
    with start_child(command) as child:
        yield CompiledUpstream(child.port) if executable else ScriptedUpstream(child.port)
