"""Reads recorded decisions, and puts the attempts of each request together."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from turnout.models.decision import Decision, Happened
from turnout.serve.control.decisions.lines import read_fields


class BadRecord(ValueError):
    """A line that is no decision; the message has its number."""


class Result(msgspec.Struct, frozen=True):
    """
    What a request came to.

    Attributes:
        wait_s: until the first token of a stream, or until the whole answer; None where no whole answer came.
        total_s: until the end.
        tokens: of prompt and answer, as the upstream counted.
        cached_tokens: of the prompt, which the upstream had cached.
        cost_nusd: of all attempts; None where a price isn't known.
    """

    wait_s: float | None
    total_s: float
    tokens: tuple[int, int]
    cached_tokens: int
    cost_nusd: int | None


class Request(msgspec.Struct, frozen=True):
    """
    A request that was recorded from its first attempt to its end.

    Attributes:
        first: the first attempt's decision.
        at_s: unix time when it was sent.
        result: what it came to.
        weight: how many requests it stands for.
    """

    first: Decision
    at_s: float
    result: Result
    weight: float


def read_lines(path: Path) -> list[Decision]:
    """
    The decisions of an export.

    Raises:
        BadRecord: a line isn't one.
        OSError: the file can't be read.
    """
    with path.open("rb") as lines:
        return [_read_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def read_rows(pages: Iterable[Sequence[Mapping[str, Any]]]) -> list[Decision]:
    """The decisions of the admin API's pages."""
    return [read_fields(row) for rows in pages for row in rows]


def gather(decisions: Iterable[Decision]) -> list[Request]:
    """The requests that are over and whose first attempt is there, in the order in which they were sent."""
    in_order = sorted(decisions, key=lambda each: (each.request_id, each.attempt))
    made = [_put_together(list(attempts)) for _, attempts in groupby(in_order, key=lambda each: each.request_id)]
    return sorted((each for each in made if each is not None), key=lambda each: each.at_s)


def _read_line(number: int, line: bytes) -> Decision:
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise BadRecord(f"line {number} is no JSON object")
        return read_fields(fields)
    except ValueError as error:
        raise BadRecord(f"line {number} is no decision of `turnout decisions export`: {error}") from error


def _put_together(attempts: Sequence[Decision]) -> Request | None:
    first, last = attempts[0], attempts[-1]
    ends = [each.happened for each in attempts if each.happened is not None]
    if first.attempt != 1 or len(ends) < len(attempts):
        return None
    whole = next((each for each in attempts if each.happened is not None and each.happened.is_whole), last)
    happened = whole.happened
    assert happened is not None
    lead_s = (whole.at_ns - first.at_ns) / 1e9
    result = Result(
        wait_s=lead_s + _wait_us(happened) / 1e6 if happened.is_whole else None,
        total_s=lead_s + happened.total_us / 1e6,
        tokens=(happened.input_tokens, happened.output_tokens),
        cached_tokens=happened.cache_read_tokens,
        cost_nusd=_sum_costs(ends),
    )
    return Request(first, first.at_ns / 1e9, result, first.weight)


def _wait_us(happened: Happened) -> int:
    return happened.total_us if happened.first_token_us is None else happened.first_token_us


def _sum_costs(ends: Iterable[Happened]) -> int | None:
    """Attempts that used nothing cost nothing, whatever the price."""
    costs = [each.cost_nusd for each in ends if each.cost_nusd is not None or each.input_tokens or each.output_tokens]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def list_endpoints(requests: Iterable[Request]) -> Iterator[tuple[str, str]]:
    """Every target and endpoint that was ever considered."""
    seen: dict[tuple[str, str], None] = {}
    for request in requests:
        seen.update(((each.target, each.endpoint), None) for each in request.first.considered)
    yield from seen
