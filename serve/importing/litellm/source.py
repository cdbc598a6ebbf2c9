"""The config that is read, and which of its settings somebody has looked at: the others are told, so that nothing is lost in silence."""

from collections.abc import Iterator

from turnout.serve.config.part import Part
from turnout.serve.config.problem import Location

ENVIRONMENT = "os.environ/"


class Source:
    """Owner of one config's settings and of the note which of them have been read."""

    def __init__(self, content: object) -> None:
        self.root = Part((), content)
        self._read: set[Location] = set()

    def __repr__(self) -> str:
        return f"Source({len(self._read)} settings read)"

    def take(self, part: Part, key: str) -> Part:
        """The setting `key` of `part`, which is read with that, whether it's there or not."""
        child = part.at(key)
        self._read.add(child.location)
        return child

    def close(self, part: Part) -> None:
        """Nothing more will be said of the settings of `part`."""
        for child in part.parts():
            self._read.add(child.location)
            self.close(child)

    def unread(self, part: Part) -> Iterator[Part]:
        """The settings of the mapping `part` that nobody has read, and that say something."""
        if isinstance(part.content, dict):
            for child in part.parts():
                if child.location not in self._read and child.content not in (None, [], {}, ""):
                    yield child


def find_number(part: Part) -> float | None:
    """The number that is written there, as a number or as a text; None if there's none."""
    content = part.content
    if isinstance(content, bool) or not isinstance(content, int | float | str):
        return None
    try:
        number = float(content)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None  # neither infinite nor none at all


def find_count(part: Part) -> int | None:
    """The whole number of at least 0 that is written there, or None."""
    number = find_number(part)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def is_on(part: Part) -> bool:
    """Whether a switch is on, also where it's written as a text."""
    return part.content is True or part.text.lower() == "true"


def find_names(part: Part) -> tuple[str, ...]:
    """The texts of a list; a single text is a list of one."""
    return (part.text,) if part.text else tuple(each.text for each in part.parts() if each.text)
