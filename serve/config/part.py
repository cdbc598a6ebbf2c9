"""A view into a cluster file that may be wrong anywhere: asking for what isn't there gives an empty part, never an error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from turnout.serve.config.problem import Location, Problem, Severity, write_path


@dataclass(frozen=True, slots=True)
class Part:
    """
    One value of the file, and where it stands.

    Attributes:
        location: from the file's root.
        content: what YAML made of it; None if it isn't there.
    """

    location: Location
    content: Any

    def at(self, *steps: str | int) -> "Part":
        """The part below, however many steps are missing."""
        part = self
        for step in steps:
            part = Part((*part.location, step), part._child(step))
        return part

    def _child(self, step: str | int) -> Any:
        if isinstance(self.content, dict):
            return self.content.get(step)
        if isinstance(self.content, list) and isinstance(step, int) and step < len(self.content):
            return self.content[step]
        return None

    def parts(self) -> Iterator["Part"]:
        """The items of a list, the values of a mapping; nothing of anything else."""
        if isinstance(self.content, dict):
            yield from (Part((*self.location, key), value) for key, value in self.content.items())
        elif isinstance(self.content, list):
            yield from (Part((*self.location, position), value) for position, value in enumerate(self.content))

    @property
    def text(self) -> str:
        """The value if it's a string, else ""."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def key(self) -> str:
        """The last step of the location."""
        return str(self.location[-1]) if self.location else ""

    def problem(self, message: str, hint: str = "", severity: Severity = "error") -> tuple[Location, Problem]:
        """A problem that points here."""
        return self.location, Problem(write_path(self.location), message, hint, severity)
