"""How fast one endpoint prefills and decodes, learned from its answers."""

import math

from turnout.router.plan.predict.fit import Line

FORGIVEN_S = 8.0
"""Half-life of what is held against an endpoint that isn't asked: one five times too slow looks a third too slow after 16 s, and is tried again."""

FOUNDED_S = 30.0
"""An expectation that no first token has confirmed for so long keeps nobody away: else a wrong one would never be set right."""

_STEP, _SMALL_STEP = 0.35, 0.1
_FAR = math.log(1.5)
_LEAST, _MOST = math.log(0.75), math.log(16.0)
_ERROR_STEP = 0.05
_FIRST_ERROR = 0.5


class Pace:
    """
    Owns what has been learned of one endpoint's speed.

    Two lines say what is usual: seconds to the first token by prompt tokens not yet prefilled, and seconds a token by sequences running beside. A
    factor over both says how much slower it is now: it follows a change within three or four answers and small ones slowly, and is forgiven over time
    where none come. It's rarely below 1: an answer that comes much too soon had more cached than was known.

    Attributes:
        first: the line of times to first token, seconds by tokens.
        token: the line of times from token to token, seconds by running sequences.
        error: how far predictions of the first token have been off lately, as a share; what to doubt them by.
    """

    __slots__ = ("_slowed", "_slowed_at", "error", "first", "token")

    def __init__(self) -> None:
        self.first = Line()
        self.token = Line()
        self.error = _FIRST_ERROR
        self._slowed = 0.0
        self._slowed_at = 0.0

    def __repr__(self) -> str:
        return f"<Pace first {self.first!r}, token {self.token!r}, {math.exp(self._slowed):.2f} times as slow>"

    @property
    def is_known(self) -> bool:
        """Whether predictions can be made."""
        return self.first.is_warm

    def is_founded(self, now: float) -> bool:
        """Whether predictions are good enough to refuse by: made from this endpoint's own answers, and lately."""
        return self.first.is_warm and now - self._slowed_at < FOUNDED_S

    def take_after(self, sibling: "Pace") -> None:
        """Begin as another endpoint is: a replica that nobody has asked yet is most likely like the others."""
        self.first.take_after(sibling.first)
        self.token.take_after(sibling.token)

    def slowness(self, now: float) -> float:
        """How many times its usual time it takes now, as far as its last answers tell."""
        if not self._slowed:
            return 1.0
        return math.exp(self._slowed * 0.5 ** ((now - self._slowed_at) / FORGIVEN_S))

    def first_s(self, tokens: float, now: float) -> float:
        """Seconds until the first token, with so many prompt tokens to prefill, own and those ahead."""
        return self.first.at(tokens) * self.slowness(now)

    def token_s(self, running: float, now: float) -> float:
        """Seconds from token to token beside so many sequences."""
        return self.token.at(running) * self.slowness(now)

    def note_first(self, tokens: float, took_s: float, now: float) -> None:
        """A first token came after so long; `tokens` were to be prefilled when the request was sent."""
        if self.is_known and took_s > 0:
            usual = self.first.at(tokens)
            said = usual * self.slowness(now)
            self.error += _ERROR_STEP * (min(1.0, abs(took_s - said) / took_s) - self.error)
            slowed = min(max(math.log(took_s / usual), _LEAST), _MOST) if usual > 0 else 0.0
            before = math.log(self.slowness(now))
            step = _STEP if abs(slowed - before) > _FAR else _SMALL_STEP
            self._slowed = before + step * (slowed - before)
            self._slowed_at = now
        self.first.note(tokens, took_s)

    def note_rest(self, running: float, rest_s: float, tokens: int) -> None:
        """The rest of an answer took so long for so many tokens, beside so many others on the average."""
        if tokens > 0:
            self.token.note(running, rest_s / tokens)
