"""Reads YAML and remembers the line of every value, so that problems can point at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from turnout.serve.config.problem import Location, Problem, write_path

_MOST_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class Document:
    """
    A YAML document.

    Attributes:
        content: what it says; None if it can't be read.
        lines: where each value begins, by its location.
        problems: syntax errors and keys written twice.
    """

    content: Any
    lines: Mapping[Location, int]
    problems: tuple[Problem, ...]

    def line_of(self, location: Location) -> int | None:
        """The line of the value at `location`, or of the nearest one around it."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def read_document(text: str) -> Document:
    """Reads the one document of `text`; what is wrong with its syntax is told in `problems`."""
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _unreadable(f"not YAML: {error.problem or error.context}", mark.line + 1 if mark else None)
    except (yaml.YAMLError, ValueError) as error:  # an impossible date is a ValueError
        return _unreadable(f"not YAML: {error}")
    except RecursionError:
        return _unreadable("nested too deep, or an alias stands inside what it stands for")


def _read(text: str) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return _unreadable("the file is empty")
        lines: dict[Location, int] = {}
        problems: list[Problem] = []
        _walk(root, (), lines, problems)
        return Document(loader.construct_document(root), lines, tuple(problems))
    finally:
        loader.dispose()


def _unreadable(message: str, line: int | None = None) -> Document:
    return Document(None, {}, (Problem("", message, line=line),))


def _walk(node: yaml.Node, location: Location, lines: dict[Location, int], problems: list[Problem]) -> None:
    lines.setdefault(location, node.start_mark.line + 1)
    if len(lines) > _MOST_VALUES:  # aliases of aliases grow without end
        raise yaml.YAMLError(f"more than {_MOST_VALUES} values")
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*location, position), lines, problems)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place, line = (*location, str(key.value)), key.start_mark.line + 1
            if str(key.value) in seen:
                problems.append(
                    Problem(write_path(place), "this key is written twice; the second would win", line=line)
                )
            seen.add(str(key.value))
            _walk(value, place, lines, problems)
            lines[place] = line
