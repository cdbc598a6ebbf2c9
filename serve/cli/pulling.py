"""Shows how far a pull is: a bar on a terminal, a line for each tenth elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from turnout.models.disk.progress import Progress as Pulled

VERBS = {
    "wait": "waiting for another pull of it",
    "download": "downloading",
    "unpack": "unpacking",
    "convert": "converting",
}


class PullDisplay:
    """One model's pull; use as a context manager and give `report` to `pull`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._told = ("", -1)

    def __enter__(self) -> "PullDisplay":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def report(self, pulled: Pulled) -> None:
        """Show one state of one stage."""
        text = f"{self._name}: {VERBS[pulled.stage]}"
        if self._console.is_terminal:
            self._move_bar(text, pulled)
            return
        tenth = 10 * pulled.done // pulled.total if pulled.total else 0
        if (pulled.stage, tenth) != self._told:
            self._told = (pulled.stage, tenth)
            share = f" {10 * tenth} %" if pulled.total else ""
            self._console.print(f"{text}{share}", soft_wrap=True)

    def _move_bar(self, text: str, pulled: Pulled) -> None:
        if self._task is None or pulled.stage != self._told[0]:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(text, total=None)
            self._told = (pulled.stage, 0)
        self._bar.update(self._task, completed=pulled.done, total=pulled.total)
