"""Reads files of judged answers, and says which line is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from turnout.router.quality.fit import Label
from turnout.serve.cli.refusal import ExitCode, Refusal

_SHOWN = 5


class LabelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    One line of a file.

    Attributes:
        prompt: what was asked; not empty.
        model: public name of who answered.
        score: 0 to 1, 1 good.
        weight: what it counts, above 0.
        cost_usd: of the answer, or None where that isn't known.
    """

    prompt: str
    model: str
    score: float
    weight: float = 1.0
    cost_usd: float | None = None

    def find_fault(self) -> str:
        """What is wrong with the values, or ""."""
        if not self.prompt.strip():
            return "the prompt is empty"
        if not self.model.strip():
            return "the model is empty"
        if not 0 <= self.score <= 1:
            return f"the score {self.score!r} isn't between 0 and 1"
        if not 0 < self.weight < float("inf"):
            return f"the weight {self.weight!r} isn't above 0"
        if self.cost_usd is not None and not 0 <= self.cost_usd < float("inf"):
            return f"the cost_usd {self.cost_usd!r} isn't at least 0"
        return ""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """
    What a file has.

    Attributes:
        labels: in the order of the file.
        costs_usd: the mean cost of an answer, by model; models without known cost aren't there.
    """

    labels: tuple[Label, ...]
    costs_usd: dict[str, float]


def read_labels(path: Path) -> LabelFile:
    """
    Read a file with a JSON object a line; empty lines don't count.

    Raises:
        Refusal: lines are wrong, by number; or there is nothing to learn from.
    """
    rows: list[LabelRow] = []
    faults: list[str] = []
    for number, row in _decode(path):
        if isinstance(row, str):
            faults.append(f"line {number}: {row}")
        else:
            rows.append(row)
    if faults:
        shown = "\n  ".join(faults[:_SHOWN])
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        hint = 'a line is like {"prompt": "What is 2 + 2?", "model": "small", "score": 1}, with "weight" and "cost_usd" if you like'
        raise Refusal(f"{str(path)!r} has wrong lines:\n  {shown}{more}", hint, ExitCode.BAD_INPUT)
    if len({row.prompt for row in rows}) < 2:
        raise Refusal(
            f"{str(path)!r} has labels of {len({row.prompt for row in rows})} prompts",
            "two are the least",
            ExitCode.BAD_INPUT,
        )
    return LabelFile(tuple(Label(row.prompt, row.model, row.score, row.weight) for row in rows), _average_costs(rows))


def _decode(path: Path) -> Iterator[tuple[int, LabelRow | str]]:
    """Line numbers with rows, or with what is wrong."""
    decoder = msgspec.json.Decoder(LabelRow)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    yield number, str(error)
                else:
                    yield number, row.find_fault() or row
    except OSError as error:
        raise Refusal(str(error), "", ExitCode.BAD_INPUT) from error


def _average_costs(rows: list[LabelRow]) -> dict[str, float]:
    costs: dict[str, list[float]] = {}
    for row in rows:
        if row.cost_usd is not None:
            costs.setdefault(row.model, []).append(row.cost_usd)
    return {model: sum(known) / len(known) for model, known in costs.items()}
