"""Writes a decision for people: at most 80 columns, unless names are longer."""

from collections.abc import Iterator
from datetime import UTC, datetime

from turnout.models.decision import Considered, Decision, Happened, Weighed
from turnout.serve.cli.screen import align
from turnout.serve.control.reports.csv import NUSD_IN_USD

_REASONS = {
    "only": "nobody else may answer",
    "only_healthy": "the others that may answer rest",
    "hedge": "beside a slow first attempt",
    "fallback_budget": "a budget asks for a cheaper model",
    "auto": "chosen by predicted quality",
    "auto_lexical": "chosen by predicted quality, without an embedding",
}


def write_request(decision: Decision) -> Iterator[str]:
    """Who asked for what."""
    limit = f", at most {decision.max_output_tokens:,} back" if decision.max_output_tokens is not None else ""
    kind = ", streamed" if decision.is_stream else ""
    yield f"request {decision.request_id}"
    yield f"  {decision.model} for {decision.tenant}, about {decision.prompt_tokens:,} tokens{limit}{kind}"


def write_decision(decision: Decision) -> Iterator[str]:
    """One attempt: when and where, everybody who was considered, what came of it."""
    at = datetime.fromtimestamp(decision.at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    yield ""
    yield f"attempt {decision.attempt}, {at} UTC: {decision.target} at {decision.endpoint}"
    other = "" if decision.answering == decision.model else f" for model {decision.answering}"
    yield f"  by {decision.strategy}{other}: {_REASONS.get(decision.reason, _write_reason(decision))}"
    for line in align([_write_weighed(each, decision) for each in decision.weighed]):
        yield f"  {line}"
    head = ("", "target", "endpoint", "score", "in flight", "first token", "price USD")
    ranked = sorted((each for each in decision.considered if not each.excluded), key=lambda each: -(each.score or 0.0))
    for line in align([head, *(_write_row(each, decision) for each in ranked)]):
        yield f"  {line}"
    outside = [(each.target, each.endpoint, f"out: {each.excluded}") for each in decision.considered if each.excluded]
    for line in align([("", *row) for row in outside]):
        yield f"  {line}"
    for line in _write_end(decision):
        yield f"  {line}"


def _write_reason(decision: Decision) -> str:
    if decision.reason.startswith("fallback_"):
        return f"another model, since {decision.reason.removeprefix('fallback_')}"
    return "compared" if decision.reason == decision.strategy else decision.reason


def _write_weighed(each: Weighed, decision: Decision) -> tuple[str, ...]:
    price = "no price" if each.price_nusd is None else f"{each.price_nusd / NUSD_IN_USD:.7f} USD"
    return (">" if each.model == decision.answering else "", each.model, f"good to {each.quality:.0%}", price)


def _write_row(each: Considered, decision: Decision) -> tuple[str, ...]:
    is_chosen = (each.target, each.endpoint) == (decision.target, decision.endpoint)
    seen = each.prediction
    return (
        ">" if is_chosen else "",
        each.target,
        each.endpoint,
        "" if each.score is None else f"{each.score:.3f}",
        "" if each.in_flight is None else str(each.in_flight),
        "" if seen is None else f"{seen.first_s:.3f} s",
        "" if each.price_nusd is None else f"{each.price_nusd / NUSD_IN_USD:.7f}",
    )


def _write_end(decision: Decision) -> Iterator[str]:
    happened = decision.happened
    if happened is None:
        yield "under way"
        return
    first = ""
    if happened.first_token_us is not None:
        first = f", first token after {happened.first_token_us / 1e6:.3f} s{_write_expected(decision)}"
    yield f"{_write_result(happened)}{first}, {happened.total_us / 1e6:.3f} s in all"
    cost = "unknown" if happened.cost_nusd is None else f"{happened.cost_nusd / NUSD_IN_USD:.9f} USD"
    if happened.input_tokens or happened.output_tokens:
        yield f"{happened.input_tokens:,} + {happened.output_tokens:,} tokens, price {cost}"


def _write_result(happened: Happened) -> str:
    if happened.is_whole:
        return "answered"
    why = happened.cause or happened.failure or "no whole answer"
    return f"failed: {why} (status {happened.status})" if happened.status else f"failed: {why}"


def _write_expected(decision: Decision) -> str:
    for each in decision.considered:
        if (each.target, each.endpoint) == (decision.target, decision.endpoint) and each.prediction is not None:
            return f" ({each.prediction.first_s:.3f} s expected)"
    return ""
