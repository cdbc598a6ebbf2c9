"""Last stage: what every request did, as numbers that `/metrics` shows. Names follow OpenTelemetry's `gen_ai.*` where it has one."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from turnout.router.execute.attempts import Attempt
from turnout.router.plan.fleet import Fleet

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_OVERHEAD_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5)

_TARGET_GAUGES = {
    "turnout_target_in_flight": "Attempts of this router running at a target.",
    "turnout_target_endpoints": "Endpoints a target has now.",
    "turnout_engine_running": "Sequences being decoded, as the engines said last.",
    "turnout_engine_waiting": "Sequences queued in the engines, as they said last.",
    "turnout_engine_prefill_tokens": "Prompt tokens accepted and not yet prefilled, as the engines said last.",
}


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

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._series: dict[tuple[str, str], _Series] = {}
        self._refused: dict[int, int] = {}
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
        self._refused[status] = self._refused.get(status, 0) + 1

    def _of(self, model: str, target: str) -> _Series:
        series = self._series.get((model, target))
        if series is None:
            series = self._series[(model, target)] = _Series()
        return series

    def collect(self) -> Iterator[Metric]:
        """Every metric family, as prometheus_client asks for them."""
        names = ["gen_ai_request_model", "turnout_target"]
        yield self._requests(names)
        yield from self._histograms(names)
        tokens = CounterMetricFamily(
            "gen_ai_client_token_usage", "Tokens as the upstream counted them.", labels=[*names, "gen_ai_token_type"]
        )
        for (model, target), series in self._series.items():
            tokens.add_metric([model, target, "input"], series.input_tokens)
            tokens.add_metric([model, target, "output"], series.output_tokens)
        yield tokens
        refused = CounterMetricFamily(
            "turnout_refused", "Requests answered with an error of the gateway's.", labels=["status"]
        )
        for status, count in self._refused.items():
            refused.add_metric([str(status)], count)
        yield refused
        yield GaugeMetricFamily("turnout_in_flight", "Requests being answered.", value=self.in_flight)
        yield CounterMetricFamily(
            "turnout_config_rejected", "Dynamic configs refused; the one before stayed.", value=self.config_rejected
        )
        yield from self._endpoints()

    def _requests(self, names: Iterable[str]) -> Metric:
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

    def _endpoints(self) -> Iterator[Metric]:
        """What the router sees of its targets, and what their engines said last; sums over a target's endpoints."""
        totals: dict[str, dict[str, float]] = {}
        for (target, _), candidate in self._fleet.all_candidates().items():
            total = totals.setdefault(target, dict.fromkeys(_TARGET_GAUGES, 0.0))
            total["turnout_target_in_flight"] += candidate.in_flight
            total["turnout_target_endpoints"] += 1
            if candidate.load is not None:
                total["turnout_engine_running"] += candidate.load.running
                total["turnout_engine_waiting"] += candidate.load.waiting
                total["turnout_engine_prefill_tokens"] += candidate.load.prefill_tokens
        for name, text in _TARGET_GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["turnout_target"])
            for target, total in totals.items():
                gauge.add_metric([target], total[name])
            yield gauge
