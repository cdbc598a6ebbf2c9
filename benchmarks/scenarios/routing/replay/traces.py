"""Traces of real conversation services: when requests came, how long they were, and which prefixes they share."""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

BLOCK_TOKENS = 512
"""Tokens a block of Mooncake's trace; simulated replicas cache blocks of the same size."""


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request of a trace.

    Attributes:
        number: its place in the trace.
        at_s: when it comes, in seconds from the first one.
        prompt_tokens, output_tokens: as recorded.
        blocks: names of the prompt's blocks, the last of which may be short; equal leading ones are a shared prefix.
    """

    number: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
    blocks: tuple[int, ...]


class _MooncakeRow(msgspec.Struct):
    timestamp: int
    input_length: int
    output_length: int
    hash_ids: tuple[int, ...]


def read_mooncake(path: Path) -> list[Request]:
    """Mooncake's conversation trace: one hour, with shared prefixes."""
    with gzip.open(path) as lines:
        rows = [msgspec.json.decode(line, type=_MooncakeRow) for line in lines]
    return [
        Request(number, row.timestamp / 1e3, row.input_length, max(1, row.output_length), row.hash_ids)
        for number, row in enumerate(rows)
    ]


def read_azure(path: Path) -> list[Request]:
    """Azure's conversation trace: one hour of lengths; no prompt shares anything with another, as far as it tells."""
    requests: list[Request] = []
    fresh = 0
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    began = _read_time(rows[0])
    for number, row in enumerate(rows):
        tokens = max(1, int(row["ContextTokens"]))
        count = -(-tokens // BLOCK_TOKENS)
        blocks = tuple(range(fresh, fresh + count))
        fresh += count
        at_s = (_read_time(row) - began).total_seconds()
        requests.append(Request(number, at_s, tokens, max(1, int(row["GeneratedTokens"])), blocks))
    return requests


def speed_up(requests: Sequence[Request], factor: float) -> list[Request]:
    """The same requests in less time."""
    return [Request(r.number, r.at_s / factor, r.prompt_tokens, r.output_tokens, r.blocks) for r in requests]


def _read_time(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["TIMESTAMP"][:26])
