"""How long answers are: quantiles per model, so that what an answer will take can be told before it's asked for."""

from collections import OrderedDict

TYPICAL_TOKENS = 256.0
"""The median until anything is known."""

MOST_KEYS = 1024
_STEPS = 4
_BUCKETS = 20 * _STEPS
_MEMORY = 1000.0


class Lengths:
    """Owns the lengths of the answers of one model: counts in quarter-octaves up to a million tokens, of about the last thousand answers."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0

    def __repr__(self) -> str:
        return f"<Lengths median {self.quantile(0.5):.0f}, p90 {self.quantile(0.9):.0f}>"

    def note(self, tokens: int) -> None:
        """An answer had so many tokens."""
        if self._total >= _MEMORY:
            self._counts = [count * 0.5 for count in self._counts]
            self._total *= 0.5
        self._counts[_bucket(tokens)] += 1.0
        self._total += 1.0

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


class LengthsByKey:
    """Owns the lengths by key, such as route and model; bounded by MOST_KEYS, the least recently noted first out."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Lengths] = OrderedDict()

    def __repr__(self) -> str:
        return f"<LengthsByKey {len(self._by_key)} keys>"

    def note(self, key: str, tokens: int) -> None:
        """An answer had so many tokens."""
        lengths = self._by_key.get(key)
        if lengths is None:
            lengths = self._by_key[key] = Lengths()
            if len(self._by_key) > MOST_KEYS:
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        lengths.note(tokens)

    def quantile(self, key: str, share: float) -> float:
        """See `Lengths`."""
        lengths = self._by_key.get(key)
        return TYPICAL_TOKENS if lengths is None else lengths.quantile(share)


def _bucket(tokens: int) -> int:
    """Quarter-octaves by integer arithmetic on the leading bits."""
    known = max(tokens, 1)
    octave = known.bit_length() - 1
    part = (known * _STEPS >> octave) - _STEPS
    return min(octave * _STEPS + part, _BUCKETS - 1)
