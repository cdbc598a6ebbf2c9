"""How fast those that are held back are let go, whatever it is that holds them: prefill, room in caches, or answers that run."""

_MEMORY = 50.0


class Drain:
    """
    Owns the sum of what one model's requests that are held back have to be prefilled, and how fast it has gone lately.

    Each that is let go tells how many tokens went since the one before, of the last fifty or so; time in which nobody was held doesn't count.
    """

    __slots__ = ("_held", "_seconds", "_since", "_tokens", "tokens")

    def __init__(self) -> None:
        self.tokens = 0
        self._held = 0
        self._since = 0.0
        self._tokens = 0.0
        self._seconds = 0.0

    def __repr__(self) -> str:
        return f"<Drain {self._held} held with {self.tokens} tokens, {self.wait_s:.2f} s>"

    @property
    def wait_s(self) -> float:
        """Seconds until all that are held now are let go; 0 as long as nobody knows."""
        return self.tokens * self._seconds / self._tokens if self._held and self._tokens else 0.0

    def add(self, tokens: int, now: float) -> None:
        """One is held back."""
        if not self._held:
            self._since = now
        self._held += 1
        self.tokens += tokens

    def discard(self, tokens: int) -> None:
        """One has gone for another reason than that its turn came."""
        self._held -= 1
        self.tokens -= tokens

    def let_go(self, tokens: int, now: float) -> None:
        """One's turn has come."""
        self.discard(tokens)
        kept = 1.0 - 1.0 / _MEMORY
        self._tokens = self._tokens * kept + tokens
        self._seconds = self._seconds * kept + max(0.0, now - self._since)
        self._since = now
