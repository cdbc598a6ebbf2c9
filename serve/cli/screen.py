"""What the terminal shows: lines, aligned columns, and rows that change while something is under way."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

STYLES = {"done": "green", "working": "cyan", "waiting": "dim", "failed": "bold red"}
MARKS = {"done": "✓", "working": "·", "waiting": " ", "failed": "✗"}


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line of a progress display.

    Attributes:
        name: what it's about; unique in its display.
        phase: a key of `STYLES`.
        text: what is going on.
    """

    name: str
    phase: str
    text: str


def say(text: str = "", style: str = "") -> None:
    """Print a line on standard output, never wrapped: it may be copied and pasted."""
    _console(is_error=False).print(Text(text, style=style), soft_wrap=True)


def warn(text: str, style: str = "yellow") -> None:
    """Print a line on standard error."""
    _console(is_error=True).print(Text(text, style=style), soft_wrap=True)


def write(text: str) -> None:
    """Print a piece of a line on standard output, at once."""
    console = _console(is_error=False)
    console.print(Text(text), soft_wrap=True, end="")
    console.file.flush()


def is_terminal() -> bool:
    """Whether somebody is looking at standard output."""
    return _console(is_error=False).is_terminal


def count(number: int, noun: str) -> str:
    """`1 router`, `2 routers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines whose columns start at the same place, two blanks apart."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


class Progress:
    """
    Rows that change in place on a terminal; elsewhere a line for each change.

    Use as a context manager; `show` takes all rows every time.
    """

    def __init__(self) -> None:
        self._console = _console(is_error=True)
        self._live = (
            Live(console=self._console, refresh_per_second=8, transient=True) if self._console.is_terminal else None
        )
        self._shown: dict[str, Row] = {}
        self._spinner = Spinner("dots", style="cyan")

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            for row in self._shown.values():
                self._console.print(self._line(row), soft_wrap=True)

    def show(self, rows: Sequence[Row], elapsed_s: float) -> None:
        """Show `rows`, `elapsed_s` seconds after the beginning."""
        if self._live:
            self._live.update(self._table(rows, elapsed_s))
        else:
            for row in rows:
                if self._shown.get(row.name) != row:
                    self._console.print(Text(f"[{elapsed_s:4.0f} s] {row.name}: {row.text}"), soft_wrap=True)
        self._shown = {row.name: row for row in rows}

    def _table(self, rows: Sequence[Row], elapsed_s: float) -> Table:
        table = Table.grid(padding=(0, 1))
        for row in rows:
            mark = self._spinner if row.phase == "working" else Text(MARKS[row.phase], style=STYLES[row.phase])
            table.add_row(
                mark,
                Text(row.name, style="bold"),
                Text(row.text, style=STYLES[row.phase], overflow="ellipsis", no_wrap=True),
            )
        table.add_row("", Text(f"{elapsed_s:.0f} s", style="dim"), "")
        return table

    @staticmethod
    def _line(row: Row) -> Text:
        return Text(f"{MARKS[row.phase]} {row.name}: {row.text}", style=STYLES[row.phase])


@contextlib.contextmanager
def redrawn() -> Iterator[Callable[[str], None]]:
    """A function that shows a text in place of the one before, on a terminal."""
    with Live(console=_console(is_error=False), auto_refresh=False, screen=True) as live:
        yield lambda text: live.update(Text(text), refresh=True)


def _console(*, is_error: bool) -> Console:
    # A console each time: standard output may have been replaced since, and making one costs microseconds.
    return Console(stderr=is_error, highlight=False, markup=False, emoji=False)
