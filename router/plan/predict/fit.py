"""A line through points that keep coming, which learns fast at first, forgets slowly, and isn't thrown by a wild one."""

WARM = 5
"""Points before the line says anything."""

_MEMORY = 200.0
_WILD = 4.0
_FLOOR = 0.1
_TRUST_IN_ORIGIN = 0.005


class Line:
    """
    Owns the sums of a weighted least-squares fit `y = start + slope * x`, both at least 0.

    Each point counts `1 - 1/200` of the one after it, and less the larger it is: 10 ms matter at 20 ms, not at 5 s. One that lies more than four
    times above or below the line counts as if it lay four times off: a stuck request moves the line a little, a lasting change altogether.

    Attributes:
        start, slope: of the line; 0 before the first point.
        count: points so far.
    """

    __slots__ = ("_weight", "_x", "_xx", "_xy", "_y", "count", "slope", "start")

    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = 0.0
        self.start = self.slope = 0.0
        self.count = 0

    def __repr__(self) -> str:
        return f"<Line {self.start:.4g} + {self.slope:.4g} x, {self.count} points>"

    @property
    def is_warm(self) -> bool:
        """Whether it has seen enough to be asked."""
        return self.count >= WARM

    def at(self, x: float) -> float:
        """What it says for `x`."""
        return self.start + self.slope * x

    def take_after(self, other: "Line") -> None:
        """Begin where another is, with little trust in it: what comes counts for more."""
        share = min(1.0, WARM / max(other.count, 1))
        self._weight, self._x, self._y = other._weight * share, other._x * share, other._y * share
        self._xx, self._xy = other._xx * share, other._xy * share
        self.start, self.slope, self.count = other.start, other.slope, min(other.count, WARM)

    def note(self, x: float, y: float) -> None:
        """Take a point in; x and y are at least 0."""
        if self.count >= WARM:
            said = self.at(x)
            y = min(max(y, said / _WILD), said * _WILD)
        kept = 1.0 - 1.0 / _MEMORY
        weight = 1.0 / (max(y, self.at(x)) + _FLOOR)
        self._weight = self._weight * kept + weight
        self._x = self._x * kept + weight * x
        self._y = self._y * kept + weight * y
        self._xx = self._xx * kept + weight * x * x
        self._xy = self._xy * kept + weight * x * y
        self.count += 1
        self._solve()

    def _solve(self) -> None:
        """Without spread in x there's no slope to tell from the start: then most is put down to the slope."""
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        spread = self._xx / self._weight - mean_x * mean_x
        joint = self._xy / self._weight - mean_x * mean_y
        prior = _TRUST_IN_ORIGIN * mean_x * mean_x
        through_origin = mean_y / mean_x if mean_x else 0.0
        slope = (joint + prior * through_origin) / (spread + prior) if spread + prior > 0 else 0.0
        self.slope = min(max(slope, 0.0), through_origin)
        self.start = mean_y - self.slope * mean_x
