"""Keeps clients asking while something happens to the cluster, and counts what they lose."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from turnout.benchmarks.findings import Finding
from turnout.benchmarks.load.plan import LoadResult
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.setup import Setup

CONNECTIONS = 32
PACE = Pace(delay_ms=20.0, chunks=50, gap_ms=20.0)
BEFORE_S = 2.0
AFTER_S = 3.0
LONGEST_S = 300.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Losses:
    """
    How it went.

    Attributes:
        unary: clients of whole answers.
        streams: clients of streams.
    """

    unary: LoadResult
    streams: LoadResult

    @property
    def samples(self) -> Any:
        """All that the clients said, for a report."""
        return msgspec.to_builtins([self.unary, self.streams])

    def to_finding(self, name: str, remark: str = "") -> Finding:
        """The number of requests without a good answer."""
        said = [
            f"of {self.unary.sent} requests and {self.streams.sent} streams",
            f"unary: {self.unary.describe_failures()}",
            f"streams: {self.streams.describe_failures()}",
            *([remark] if remark else []),
        ]
        return Finding(name, self.unary.failed + self.streams.failed, "; ".join(said))


def disturb(setup: Setup, subject: Subject, happen: Callable[[], _T]) -> tuple[_T, Losses]:
    """32 connections of whole answers and 32 of streams, from 2 s before something happens until 3 s after."""
    longest = {"connections": CONNECTIONS, "duration_s": LONGEST_S}
    unary = subject.aim(replace(setup.unary(subject), **longest))
    streams = subject.aim(replace(setup.streams(subject, PACE.chunks), **longest))
    with setup.client.start(unary) as unary_load, setup.client.start(streams) as stream_load:
        time.sleep(BEFORE_S)
        happened = happen()
        time.sleep(AFTER_S)
        unary_load.stop()
        stream_load.stop()
        return happened, Losses(unary_load.wait(), stream_load.wait())
