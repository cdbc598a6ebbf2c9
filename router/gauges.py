"""What a router sees of its targets and lines at the moment it's asked, as gauges; sums over a target's endpoints."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from turnout.router.execute.slots import Slots
from turnout.router.plan.breaker import CLOSED, HALF_OPEN, OPEN
from turnout.router.plan.fleet import Candidate

_TARGET = ["turnout_target"]
_BREAKER_STATES = {CLOSED: 0, HALF_OPEN: 1, OPEN: 2}

_TARGET_GAUGES = {
    "turnout_target_in_flight": "Attempts of this router running at a target.",
    "turnout_target_endpoints": "Endpoints a target has now.",
    "turnout_engine_running": "Sequences being decoded, as the engines said last.",
    "turnout_engine_waiting": "Sequences queued in the engines, as they said last.",
    "turnout_engine_prefill_tokens": "Prompt tokens accepted and not yet prefilled, as the engines said last.",
}


def collect_targets(candidates: Mapping[tuple[str, str], Candidate], now: float) -> Iterator[Metric]:
    """Load, rest and breakers of every target that has an endpoint, at `now` (loop time)."""
    by_target = group_by_target(candidates)
    yield from _loads(by_target)
    yield _resting(by_target, now)
    yield from _breakers(by_target, now)


def collect_lines(slots: Slots) -> Iterator[Metric]:
    """Who waits in line, and who was sent away from it."""
    waiting = GaugeMetricFamily(
        "turnout_waiting", "Requests in line for a model, by lane.", labels=["gen_ai_request_model", "turnout_lane"]
    )
    for model, lane, count in slots.waiting_by_lane():
        waiting.add_metric([model, lane], count)
    yield waiting
    refused = CounterMetricFamily(
        "turnout_line_refused", "Requests sent away from a line, by reason.", labels=["reason"]
    )
    for reason, count in slots.refused.items():
        refused.add_metric([reason], count)
    yield refused


def group_by_target(candidates: Mapping[tuple[str, str], Candidate]) -> dict[str, list[Candidate]]:
    """The candidates of each target, by its name."""
    by_target: dict[str, list[Candidate]] = {}
    for (name, _), candidate in candidates.items():
        by_target.setdefault(name, []).append(candidate)
    return by_target


def _loads(by_target: Mapping[str, Iterable[Candidate]]) -> Iterator[Metric]:
    gauges = {name: GaugeMetricFamily(name, text, labels=_TARGET) for name, text in _TARGET_GAUGES.items()}
    for target, candidates in by_target.items():
        total = dict.fromkeys(_TARGET_GAUGES, 0.0)
        for candidate in candidates:
            total["turnout_target_in_flight"] += candidate.in_flight
            total["turnout_target_endpoints"] += 1
            if candidate.load is not None:
                total["turnout_engine_running"] += candidate.load.running
                total["turnout_engine_waiting"] += candidate.load.waiting
                total["turnout_engine_prefill_tokens"] += candidate.load.prefill_tokens
        for name, gauge in gauges.items():
            gauge.add_metric([target], total[name])
    yield from gauges.values()


def _resting(by_target: Mapping[str, Iterable[Candidate]], now: float) -> Metric:
    gauge = GaugeMetricFamily(
        "turnout_endpoints_resting", "Endpoints and keys left alone for now, by reason.", labels=[*_TARGET, "reason"]
    )
    for target, candidates in by_target.items():
        reasons = [candidate.why_resting(now) for candidate in candidates]
        for reason in ("ejected", "key_refused", "rate_limited"):
            gauge.add_metric([target, reason], reasons.count(reason))
    return gauge


def _breakers(by_target: Mapping[str, list[Candidate]], now: float) -> Iterator[Metric]:
    state = GaugeMetricFamily("turnout_breaker_state", "0 closed, 1 half open, 2 open.", labels=_TARGET)
    opened = CounterMetricFamily("turnout_breaker_opened", "How often a target's breaker has opened.", labels=_TARGET)
    for target, candidates in by_target.items():
        breaker = candidates[0].breaker
        if breaker is not None:
            state.add_metric([target], _BREAKER_STATES[breaker.state(now)])
            opened.add_metric([target], breaker.opened)
    yield state
    yield opened
