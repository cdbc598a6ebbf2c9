"""What every scenario gets: the subjects, the upstream behind them, the client, and how long to take."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.benchmarks.bodies import chat_body
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.load.client import LoadClient
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Upstream
from turnout.benchmarks.rounds import Subject


@dataclass(frozen=True, slots=True)
class Effort:
    """
    How long to measure.

    Attributes:
        rounds: each subject is measured once a round.
        load_s: one run under full load.
        single_requests: one run with one connection.
        upstream_delay_ms: of the upstream where latency is measured.
    """

    rounds: int
    load_s: float
    single_requests: int
    upstream_delay_ms: float


QUICK = Effort(rounds=3, load_s=2.0, single_requests=150, upstream_delay_ms=5.0)
FULL = Effort(rounds=5, load_s=4.0, single_requests=400, upstream_delay_ms=20.0)


@dataclass(frozen=True, slots=True)
class Setup:
    """
    One benchmark run.

    Attributes:
        client: sends the load.
        upstream: behind every gateway.
        turnout: the gateway in question.
        direct: the upstream without a gateway.
        references: other gateways in front of the same upstream.
        gateway: where `turnout` was started by us; None for one that ran already.
        find_router_pids: the gateway's replicas, for memory; None where they aren't known.
        expected: text in every good unary answer.
        effort: how long to take.
        randomness: seeded; orders and texts come from it.
    """

    client: LoadClient
    upstream: Upstream
    turnout: Subject
    direct: Subject
    references: Sequence[Subject]
    gateway: Gateway | None
    find_router_pids: Callable[[], Sequence[int]] | None
    expected: str
    effort: Effort
    randomness: random.Random

    def unary(self, subject: Subject, size_bytes: int = 1024) -> LoadPlan:
        """Unary requests to this subject, one at a time."""
        return LoadPlan(url="", body=chat_body(subject.model, size_bytes, self.randomness), expected=self.expected)

    def streams(self, subject: Subject, max_tokens: int = 16) -> LoadPlan:
        """Streams from this subject, one at a time."""
        body = chat_body(subject.model, 1024, self.randomness, is_stream=True, max_tokens=max_tokens)
        return LoadPlan(url="", body=body, expected="[DONE]")


class NotMeasurable(Exception):
    """A figure can't be measured with what is at hand; the text says why."""
