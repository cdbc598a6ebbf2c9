"""The figures that a script ends with: their goals, the lines and the table they're printed as, the file they're kept in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Goal:
    """
    What a figure should be.

    Attributes:
        name: of the figure.
        unit: what its value is in.
        at_most, at_least: the bound, if there is one.
        is_quick: whether `--quick` measures it.
    """

    name: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    is_quick: bool = False

    @property
    def bound(self) -> str:
        """The bound as `<= 100`, or an empty text."""
        if self.at_most is not None:
            return f"<= {show_number(self.at_most)}"
        return f">= {show_number(self.at_least)}" if self.at_least is not None else ""

    def is_reached_by(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured value, or why there is none.

    Attributes:
        goal: what it should be.
        value: None if it couldn't be measured.
        remark: why not; or what helps to read the value, such as the best round.
    """

    goal: Goal
    value: float | None
    remark: str = ""

    @property
    def line(self) -> str:
        """`figure <name> <value> <unit>`, or `figure <name> n/a <why>`."""
        if self.value is None:
            return f"figure {self.goal.name} n/a {self.remark}"
        return f"figure {self.goal.name} {show_number(self.value)} {self.goal.unit}"

    @property
    def verdict(self) -> str:
        """How the value stands to its goal, in one word."""
        if self.value is None:
            return "n/a"
        if not self.goal.bound:
            return "-"
        return "reached" if self.goal.is_reached_by(self.value) else "MISSED"


def show_number(value: float) -> str:
    """Whole numbers as they are, others with four significant digits, never an exponent."""
    if value == int(value):
        return str(int(value))
    return f"{float(f'{value:.4g}'):.12f}".rstrip("0").rstrip(".")


def format_table(figures: Sequence[Figure]) -> str:
    """The figures with goal, value and verdict, one a line."""
    rows = [("figure", "goal", "value", "unit", "", "")]
    for figure in figures:
        value = "n/a" if figure.value is None else show_number(figure.value)
        rows.append((figure.goal.name, figure.goal.bound, value, figure.goal.unit, figure.verdict, figure.remark))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:5], widths, strict=True)), row[5]]).rstrip()
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Report:
    """
    Everything that a run leaves behind.

    Attributes:
        script: `overhead` and the like.
        command: the words it was called with.
        seed: of every random choice.
        started_at: UTC, ISO 8601.
        facts: machine, versions, clients: what the values depend on.
        figures: in the order of FIGURES.
        samples: raw measurements, by scenario.
    """

    script: str
    command: Sequence[str]
    seed: int
    started_at: str
    facts: Mapping[str, Any]
    figures: Sequence[Figure]
    samples: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Writes it as one JSON object."""
        figures = [
            {
                "name": f.goal.name,
                "value": f.value,
                "unit": f.goal.unit,
                "goal": f.goal.bound,
                "verdict": f.verdict,
                "remark": f.remark,
            }
            for f in self.figures
        ]
        document = {
            "script": self.script, "command": list(self.command), "seed": self.seed, "started_at": self.started_at, **self.facts,
            "figures": figures, "samples": self.samples,
        }  # fmt: skip
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
