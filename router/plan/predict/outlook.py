"""What the router expects of one endpoint, put together: its pace, what is under way there, and what it has cached."""

from collections.abc import Sequence

import msgspec

from turnout.models.target import Load
from turnout.router.plan.predict.blocks import BLOCK_TOKENS
from turnout.router.plan.predict.lengths import Lengths
from turnout.router.plan.predict.pace import Pace
from turnout.router.plan.predict.prefix import PrefixMirror
from turnout.router.plan.predict.work import Stay, Work


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """
    What one request would meet at one endpoint now.

    Attributes:
        new_tokens: of its prompt, to be prefilled.
        wait_s: until what was sent there before is prefilled.
        prefill_s: for its own prompt; 0 where nothing has been learned.
        batch: sequences there.
        token_s: from token to token beside them; 0 where nothing has been learned.
    """

    new_tokens: int
    wait_s: float
    prefill_s: float
    batch: float
    token_s: float

    @property
    def first_s(self) -> float:
        """Seconds to the first token."""
        return self.wait_s + self.prefill_s


class Outlook:
    """
    Owns what is known of one endpoint, for strategies that predict. Requests say `begin`, `first` and `end`; it learns from them.

    Attributes:
        pace, work, prefix, lengths: how fast it is, what is under way there, what it has cached, how long its answers are.
        told: the engine's newest word on its load, until somebody looks; or None.
        seen: the last forecast, for who explains it later.
    """

    __slots__ = ("lengths", "pace", "prefix", "seen", "told", "work")

    def __init__(self, *, is_engine: bool = True) -> None:
        self.pace = Pace()
        self.work = Work(is_engine=is_engine)
        self.prefix = PrefixMirror()
        self.lengths = Lengths()
        self.told: Load | None = None
        self.seen: Forecast | None = None

    def __repr__(self) -> str:
        return f"<Outlook {self.pace!r} {self.work!r} {self.prefix!r}>"

    def count_new(self, prompt_tokens: int, blocks: Sequence[int]) -> int:
        """Tokens of the prompt that would have to be prefilled; the last one always is."""
        cached = self.prefix.count(blocks) * BLOCK_TOKENS
        return prompt_tokens - cached if cached < prompt_tokens else 1

    def foresee(self, prompt_tokens: int, blocks: Sequence[int], now: float) -> Forecast:
        """What a request would meet."""
        work, pace = self.work, self.pace
        if self.told is not None:
            told, self.told = self.told, None
            self.heed(told, now)
        new_tokens = self.count_new(prompt_tokens, blocks)
        batch = work.batch(now)
        slowness = pace.slowness(now)
        prefill_s = pace.first.at(new_tokens + work.foreign_tokens(now)) * slowness
        seen = self.seen = Forecast(new_tokens, work.wait_s(now), prefill_s, batch, pace.token.at(batch) * slowness)
        return seen

    def begin(self, prompt_tokens: int, blocks: Sequence[int], now: float, *, is_silent: bool = False) -> Stay:
        """A request is sent there; give what this returns to `first` and `end`. `is_silent`: its first token won't be seen."""
        new_tokens = self.count_new(prompt_tokens, blocks)
        stay = self.work.begin(prompt_tokens, new_tokens, self.pace.first_s(new_tokens, now), now, is_silent=is_silent)
        self.prefix.note(blocks)
        return stay

    def first(self, stay: Stay, now: float) -> None:
        """Its first token has come."""
        took_s = self.work.first(stay, now)
        if took_s is not None:
            self.pace.note_first(stay.new_tokens, took_s, now)

    def end(self, stay: Stay, now: float, output_tokens: int = 0) -> None:
        """It's over; 0 tokens where it failed, or nobody counted."""
        self.work.end(stay, now)
        if output_tokens:
            self.lengths.note(output_tokens)
        if output_tokens > 1:
            first_at = stay.due_at if stay.first_at is None else stay.first_at
            beside = (stay.beside + self.work.batch(now)) / 2
            self.pace.note_rest(beside, max(0.0, now - first_at), output_tokens - 1)

    def heed(self, load: Load, now: float) -> None:
        """The engine said how loaded it is; its cache can hold no more than its room."""
        self.work.heed(load, now)
        room = self.work.room_tokens
        if room is not None:
            self.prefix.resize(int(room / BLOCK_TOKENS))
