"""The mock model server behind every gateway that is measured: the compiled C one, or `turnout mock` where there is no compiler."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from turnout.benchmarks.load.children import start_child
from turnout.benchmarks.load.compiler import MOCK_UPSTREAM, cache_folder, find_compiler, try_build
from turnout.benchmarks.ports import free_port, wait_for_port

MODEL = "mock"
START_S = 20.0


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


class ScriptedUpstream:
    """`turnout mock` at work: it's told its pace when it starts, so a new pace is a new process on the same port."""

    description = "turnout mock (no C compiler found: its own cost may limit what is measured)"

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.set_pace(Pace())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def set_pace(self, pace: Pace) -> None:
        self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "turnout.serve.cli.main", "mock", *_mock_arguments(self._port, pace)]
        )
        wait_for_port(self._port, START_S)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _mock_arguments(port: int, pace: Pace) -> list[str]:
    tokens_per_s = 1000 / pace.gap_ms if pace.gap_ms else 0
    return [
        "--port",
        str(port),
        "--latency-ms",
        str(pace.delay_ms),
        "--tokens",
        str(pace.chunks),
        "--tokens-per-s",
        str(tokens_per_s),
    ]


@contextmanager
def start_upstream() -> Iterator[Upstream]:
    """A mock upstream on a free port of 127.0.0.1; ended with the block."""
    executable = try_build(MOCK_UPSTREAM, cache_folder(os.environ), find_compiler())
    if executable is None:
        scripted = ScriptedUpstream()
        try:
            yield scripted
        finally:
            scripted.close()
        return
    with start_child([str(executable)]) as child:
        yield CompiledUpstream(child.port)
