"""Last stage: what every request did, as numbers that `/metrics` shows. Names follow OpenTelemetry's `gen_ai.*` where it has one."""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from turnout.router.execute.attempts import Attempt
from turnout.router.execute.slots import Slots
from turnout.router.gauges import collect_lines, collect_targets
from turnout.router.plan.fleet import Fleet

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_OVERHEAD_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5)


Counts = dict[tuple[str, ...], int]
"""By label values."""


class Histogram:
    """Counts per bucket: a bisection and two additions, a third of what the library's own takes; the library still renders it."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in the unit of the bounds."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def cumulative(self) -> tuple[list[tuple[str, float]], float]:
        """Prometheus' buckets `(le, count)`, and the sum."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets, self._sum


class _Series:
    """All numbers of one label set (model, target)."""

    __slots__ = ("duration", "first_token", "input_tokens", "output_tokens", "overhead", "requests")

    def __init__(self) -> None:
        self.requests: dict[str, int] = {}
        self.duration = Histogram(_SECONDS)
        self.first_token = Histogram(_SECONDS)
        self.overhead = Histogram(_OVERHEAD_S)
        self.input_tokens = 0
        self.output_tokens = 0


class Observer(Collector):
    """
    Owns the numbers of one router replica; a collector for prometheus_client.

    Labels are model and target names out of the config and a status, never anything a caller wrote.
    """

    def __init__(self, fleet: Fleet, slots: Slots, now: Callable[[], float]) -> None:
        self._fleet = fleet
        self._slots = slots
        self._now = now
        self._series: dict[tuple[str, str], _Series] = {}
        self._refused: Counts = defaultdict(int)
        self._attempts: Counts = defaultdict(int)
        self._fallbacks: Counts = defaultdict(int)
        self._continued: Counts = defaultdict(int)
        self._hedges: Counts = defaultdict(int)
        self._degraded: Counts = defaultdict(int)
        self._spills: Counts = defaultdict(int)
        self._limited: Counts = defaultdict(int)
        self._limit_wait = Histogram(_SECONDS)
        self.in_flight = 0
        self.config_rejected = 0

    def finish(self, attempt: Attempt, ended_at: float) -> None:
        """Count a request that reached a target."""
        way, call = attempt.way, attempt.way.call
        series = self._of(call.route.name, way.plan.candidate.target.name)
        outcome = attempt.outcome
        label = str(outcome.status) if attempt.is_whole else "broken"
        series.requests[label] = series.requests.get(label, 0) + 1
        series.duration.observe(ended_at - call.arrival.started_at)
        series.overhead.observe(way.sent_at - call.arrival.started_at)
        if call.request.is_stream and outcome.first_byte_at is not None:
            series.first_token.observe(outcome.first_byte_at - call.arrival.started_at)
        usage = attempt.answer.usage
        if usage is not None:
            series.input_tokens += usage.input_tokens
            series.output_tokens += usage.output_tokens

    def refuse(self, status: int) -> None:
        """Count a request that was answered with an error of ours, by HTTP status."""
        self._refused[(str(status),)] += 1

    def attempt(self, target: str, outcome: str) -> None:
        """Count an attempt, whoever answered in the end; `outcome` is `ok` or the value of a `Cause`."""
        self._attempts[target, outcome] += 1

    def fall_back(self, model: str, target: str, cause: str) -> None:
        """Count a move from the model asked for to a target of another one."""
        self._fallbacks[model, target, cause] += 1

    def continued(self, way: str) -> None:
        """Count a broken stream that goes on elsewhere, by how."""
        self._continued[(way,)] += 1

    def hedge(self, event: str) -> None:
        """Count a second attempt, as it's `started` and again when it has `won`."""
        self._hedges[(event,)] += 1

    def degrade(self, kind: str) -> None:
        """Count an answer given because nothing could answer."""
        self._degraded[(kind,)] += 1

    def switch_spill(self, model: str, event: str) -> None:
        """Count that a model's requests began or ceased to go to targets in reserve: `spill_began`, `bridge_ended` and the like."""
        self._spills[model, event] += 1

    def limited(self, kind: str, unit: str, action: str) -> None:
        """Count what a limit of ours did to a request: `refused`, `waited`, or `soft` where it's only told."""
        self._limited[kind, unit, action] += 1

    def waited_for_limits(self, seconds: float) -> None:
        """Count a wait for room within limits, whether or not it helped."""
        self._limit_wait.observe(seconds)

    def _of(self, model: str, target: str) -> _Series:
        series = self._series.get((model, target))
        if series is None:
            series = self._series[(model, target)] = _Series()
        return series

    def collect(self) -> Iterator[Metric]:
        """Every metric family, as prometheus_client asks for them; on the router's event loop."""
        names = ["gen_ai_request_model", "turnout_target"]
        yield self._requests(names)
        yield from self._histograms(names)
        yield self._limit_waits()
        tokens = CounterMetricFamily(
            "gen_ai_client_token_usage", "Tokens as the upstream counted them.", labels=[*names, "gen_ai_token_type"]
        )
        for (model, target), series in self._series.items():
            tokens.add_metric([model, target, "input"], series.input_tokens)
            tokens.add_metric([model, target, "output"], series.output_tokens)
        yield tokens
        for counts, name, text, labels in self._counted():
            yield _counter(name, text, labels, counts)
        yield GaugeMetricFamily("turnout_in_flight", "Requests being answered.", value=self.in_flight)
        yield GaugeMetricFamily("turnout_tasks", "Tasks on the router's event loop.", value=len(asyncio.all_tasks()))
        yield CounterMetricFamily(
            "turnout_config_rejected", "Dynamic configs refused; the one before stayed.", value=self.config_rejected
        )
        yield from collect_lines(self._slots)
        yield from collect_targets(self._fleet.all_candidates(), self._now())

    def _counted(self) -> Iterator[tuple[Counts, str, str, Sequence[str]]]:
        model, target = "gen_ai_request_model", "turnout_target"
        yield self._refused, "turnout_refused", "Requests answered with an error of the gateway's.", ["status"]
        yield self._attempts, "turnout_attempts", "Attempts at a target, by how they went.", [target, "outcome"]
        yield (
            self._fallbacks,
            "turnout_fallbacks",
            "Moves from the model asked for to a target of another, by cause.",
            [model, target, "cause"],
        )
        yield self._continued, "turnout_continuations", "Broken streams that went on elsewhere, by how.", ["way"]
        yield self._hedges, "turnout_hedges", "Second attempts that were started, and that won.", ["event"]
        yield (
            self._limited,
            "turnout_limited",
            "Requests that a limit held up, refused or told of, by whose limit of what.",
            ["bucket_kind", "unit", "action"],
        )
        yield self._spills, "turnout_spill_switches", "Beginnings and ends of spilling and bridging.", [model, "event"]
        yield self._degraded, "turnout_degraded", "Answers given because nothing could answer, by kind.", ["kind"]

    def _requests(self, names: Sequence[str]) -> Metric:
        requests = CounterMetricFamily(
            "turnout_requests", "Requests that reached a target, by result.", labels=[*names, "status"]
        )
        for (model, target), series in self._series.items():
            for status, count in series.requests.items():
                requests.add_metric([model, target, status], count)
        return requests

    def _histograms(self, names: Sequence[str]) -> Iterator[Metric]:
        families = {
            "duration": ("gen_ai_server_request_duration_seconds", "Request complete to answer complete."),
            "first_token": (
                "gen_ai_server_time_to_first_token_seconds",
                "Request complete to first byte of a streamed answer's body.",
            ),
            "overhead": ("turnout_overhead_seconds", "Request complete to request handed to the upstream client."),
        }
        for attribute, (name, text) in families.items():
            family = HistogramMetricFamily(name, text, labels=names)
            for key, series in self._series.items():
                buckets, total = getattr(series, attribute).cumulative()
                family.add_metric(list(key), buckets, total)
            yield family

    def _limit_waits(self) -> Metric:
        family = HistogramMetricFamily("turnout_limit_wait_seconds", "Waits for room within limits.")
        family.add_metric([], *self._limit_wait.cumulative())
        return family


def _counter(name: str, text: str, labels: Sequence[str], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family
