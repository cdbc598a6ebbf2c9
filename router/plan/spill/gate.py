"""Decides when a model's requests begin to spill, and when they no longer do."""

ENTER = 1.0
"""A prediction beyond the objective opens the gate."""

LEAVE = 0.7
"""Predictions below this share of the objective close it again; those above go elsewhere meanwhile."""

QUIET_S = 60.0
"""
So long all predictions have to be below that. A gate that opens at once and never closes sooner switches twice within any minute at most: between
two openings lies a closing, and between two closings this time.
"""


class Gate:
    """
    Owns whether one model spills. Pure.

    Attributes:
        is_open: whether it does.
    """

    __slots__ = ("_high_at", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._high_at = 0.0

    def __repr__(self) -> str:
        return f"<Gate {'open' if self.is_open else 'closed'}>"

    def note(self, share: float, now: float) -> bool:
        """A request would take this share of its objective at home; whether that opened or closed the gate."""
        if share > ENTER if not self.is_open else share >= LEAVE:
            self._high_at = now
            was_open, self.is_open = self.is_open, True
            return not was_open
        if self.is_open and now - self._high_at >= QUIET_S:
            self.is_open = False
            return True
        return False
