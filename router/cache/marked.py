"""Adds what the cache has to say to the head of an answer."""

from turnout.models.exchange import Headers, Out


class Marked:
    """An Out around an Out, with lines of its own."""

    __slots__ = ("_lines", "_out", "end", "write")

    def __init__(self, out: Out, lines: Headers) -> None:
        self._out = out
        self._lines = lines
        self.write = out.write
        self.end = out.end

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._out.full(status, [*headers, *self._lines], body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, [*headers, *self._lines])
