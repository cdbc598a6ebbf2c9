"""What an import has to say: what is missing from the new file, what is different, and what has to be set before it starts."""

import enum
from dataclasses import dataclass

from turnout.serve.config.part import Part
from turnout.serve.config.problem import Location, write_path


class Kind(enum.Enum):
    """What a note is about; the order in which they are shown."""

    LEFT_OUT = "left out"
    CHANGED = "different here"
    TO_SET = "to set"
    NO_EFFECT = "not needed"


@dataclass(frozen=True, slots=True)
class Note:
    """
    One thing to know about an import.

    Attributes:
        kind: whether something is missing, different, to be set, or of no consequence.
        location: of the setting in the config that was read; () for the whole of it.
        what: what became of it. Never a secret, nor a value that might be one.
        instead: what to do about it, or "".
    """

    kind: Kind
    location: Location
    what: str
    instead: str = ""

    @property
    def path(self) -> str:
        """The location, such as `router_settings.retry_policy`."""
        return write_path(self.location)


class Notes:
    """Owner of one import's notes; the same note is kept once."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}

    def __repr__(self) -> str:
        return f"Notes({len(self._notes)})"

    def leave_out(self, part: Part, what: str, instead: str = "") -> None:
        """The setting at `part` isn't in the new file."""
        self._add(Kind.LEFT_OUT, part, what, instead)

    def change(self, part: Part, what: str, instead: str = "") -> None:
        """The setting at `part` is in the new file, and doesn't mean quite the same there."""
        self._add(Kind.CHANGED, part, what, instead)

    def ask(self, part: Part, what: str, instead: str = "") -> None:
        """Somebody has to set a variable before the new file can be used."""
        self._add(Kind.TO_SET, part, what, instead)

    def drop(self, part: Part, what: str) -> None:
        """The setting at `part` has nothing to do in the new file."""
        self._add(Kind.NO_EFFECT, part, what, "")

    def in_order(self) -> tuple[Note, ...]:
        """All notes, by kind, and within a kind as they were made."""
        order = list(Kind)
        return tuple(sorted(self._notes, key=lambda note: order.index(note.kind)))

    def _add(self, kind: Kind, part: Part, what: str, instead: str) -> None:
        self._notes[Note(kind, part.location, what, instead)] = None
