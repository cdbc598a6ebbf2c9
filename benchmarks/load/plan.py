"""What a run of the load client is asked to do, and what it says afterwards."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """
    One run of the load client.

    Attributes:
        url: of the route, such as `http://127.0.0.1:8000/v1/chat/completions`; https needs the Python client.
        body: sent with every request.
        headers: sent with every request besides host, content-type and content-length.
        connections: kept open; in closed loop each sends its next request when its last answer has ended.
        duration_s: send for so long, unless `requests` is given.
        requests: send so many.
        rate: open loop: so many requests a second at planned times, whatever the answers do; None is closed loop.
        expected: an answer without this text counts as bad.
        give_up_s: stop waiting so long after the last request may be sent (after the start where `requests` is given).
        raw_samples: latencies and times to first event to keep, in the order they came.
    """

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    connections: int = 1
    duration_s: float = 3.0
    requests: int | None = None
    rate: float | None = None
    expected: str = ""
    give_up_s: float = 10.0
    raw_samples: int = 0

    def to_arguments(self, body_file: str) -> list[str]:
        """The command-line arguments that both clients understand."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if self.is_tls else 80)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        arguments = ["-a", parts.hostname or "127.0.0.1", "-p", str(port), "-P", path or "/", "-b", body_file]
        arguments += ["-c", str(self.connections), "-t", str(self.give_up_s), "-s", str(self.raw_samples)]
        arguments += ["-n", str(self.requests)] if self.requests else ["-d", str(self.duration_s)]
        arguments += ["-R", str(self.rate)] if self.rate else []
        arguments += ["-e", self.expected] if self.expected else []
        for name, value in self.headers:
            arguments += ["-H", f"{name}: {value}"]
        return arguments

    @property
    def is_tls(self) -> bool:
        """Whether the route is spoken to over TLS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def longest_s(self) -> float:
        """After this many seconds a client that is still running hangs."""
        return self.give_up_s + (0.0 if self.requests else self.duration_s) + 5.0


class Summary(msgspec.Struct, frozen=True):
    """Times in microseconds."""

    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Failure(msgspec.Struct, frozen=True):
    """
    A request that got no good answer; times are CLOCK_MONOTONIC in ns.

    Attributes:
        kind: `status` (another than 200), `body` (without the expected text), `lost` (cut after it was sent), `refused` (no connection), `stuck` (no
            end within the time limit).
        status: of the answer, or 0.
        opened_ns: when its connection was opened.
        planned_ns: when it was due; in closed loop, when it was sent.
        failed_ns: when that was noticed.
    """

    kind: str
    status: int
    opened_ns: int
    planned_ns: int
    failed_ns: int


class LoadResult(msgspec.Struct, frozen=True):
    """
    What the client saw.

    Attributes:
        client: `c` or `python`.
        latency: from when a request was due to its answer's end, of good answers.
        ttft: from when it was due to the first event of a stream.
        gap: between events of a stream that were read one after the other.
        transit: from the mock upstream's time stamp in a chunk to its arrival.
        late: open loop: requests that had to wait over 1 ms for a free connection.
        failures: the first 1,000.
    """

    client: str
    connections: int
    elapsed_s: float
    sent: int
    ok: int
    rps: float
    bad_status: int
    last_bad_status: int
    bad_body: int
    lost: int
    refused: int
    stuck: int
    reconnects: int
    late: int
    streams: int
    events: int
    events_per_s: float
    own_cpu_s: float
    failures: list[Failure]
    latency: Summary | None = None
    ttft: Summary | None = None
    gap: Summary | None = None
    transit: Summary | None = None
    latency_samples_us: list[float] = []
    ttft_samples_us: list[float] = []

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.bad_status + self.bad_body + self.lost + self.refused + self.stuck

    def describe_failures(self) -> str:
        """One line on what went wrong."""
        kinds = [
            ("bad status", self.bad_status),
            ("bad body", self.bad_body),
            ("lost", self.lost),
            ("refused", self.refused),
            ("stuck", self.stuck),
        ]
        said = ", ".join(f"{count} {kind}" for kind, count in kinds if count)
        return f"{said or 'nothing failed'} of {self.sent}" + (
            f" (last status {self.last_bad_status})" if self.bad_status else ""
        )
