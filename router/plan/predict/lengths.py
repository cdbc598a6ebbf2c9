"""How long an endpoint's answers are, so that what one will take can be told before it's asked for."""

TYPICAL_TOKENS = 256.0
"""The median until anything is known."""

_STEPS = 4
_BUCKETS = 20 * _STEPS
_MEMORY = 1000.0


class Lengths:
    """
    Owns the lengths of one endpoint's answers: counts in quarter-octaves up to a million tokens, of about the last thousand.

    Attributes:
        median: kept up with every answer, since it's asked for at every decision.
    """

    __slots__ = ("_counts", "_total", "median")

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0
        self.median = TYPICAL_TOKENS

    def __repr__(self) -> str:
        return f"<Lengths median {self.median:.0f}, p90 {self.quantile(0.9):.0f}>"

    def note(self, tokens: int) -> None:
        """An answer had so many tokens."""
        if self._total >= _MEMORY:
            self._counts = [count * 0.5 for count in self._counts]
            self._total *= 0.5
        self._counts[_bucket(tokens)] += 1.0
        self._total += 1.0
        self.median = self.quantile(0.5)

    def quantile(self, share: float) -> float:
        """So long or shorter is this share of answers, to a quarter of an octave."""
        if not self._total:
            return TYPICAL_TOKENS
        reached, goal = 0.0, share * self._total
        for bucket, count in enumerate(self._counts):
            reached += count
            if reached >= goal and count:
                return float(2.0 ** ((bucket + 0.5) / _STEPS))
        return float(2.0 ** (_BUCKETS / _STEPS))


def _bucket(tokens: int) -> int:
    """Quarter-octaves by integer arithmetic on the leading bits."""
    known = max(tokens, 1)
    octave = known.bit_length() - 1
    part = (known * _STEPS >> octave) - _STEPS
    return min(octave * _STEPS + part, _BUCKETS - 1)
