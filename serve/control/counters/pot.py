"""Splits all limits among those who hold shares of them, so that together they never hold more than the whole."""

import msgspec

from turnout.router.limit.share import EMPTY, FULL, NOTHING, WHOLE, Levels, Share, blend

_ROUNDING = 1e-9


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """
    What a holder says of itself.

    Attributes:
        share: that it has.
        given_up: how full the part is that it has given up since it was answered last, or None if it hasn't.
    """

    share: Share
    given_up: Levels | None = None


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """
    What a holder is to have from now on.

    Attributes:
        share: less or more than it has.
        levels: how full what is new of it is.
    """

    share: Share
    levels: Levels = EMPTY


class Stake(msgspec.Struct, frozen=True, array_like=True):
    """
    One holder.

    Attributes:
        held: what it had by its last word.
        until: when its share is free, if it says nothing more.
        told_part, told_span: the most that it was offered since.
        levels: what came with that.
    """

    held: Share
    until: float
    told_part: float = 0.0
    told_span: float = 0.0
    levels: Levels = EMPTY

    @property
    def part(self) -> float:
        """The most of every rate that it may be using."""
        return max(self.held.part, self.told_part)

    @property
    def span(self) -> float:
        """The most of all seats that it may be using."""
        return max(self.held.span, self.told_span)

    @property
    def most(self) -> Share:
        """The seats that it had by its last word, and the most of every rate that it may be using."""
        return Share(self.part, self.held.start, self.held.end)


class Pot(msgspec.Struct, array_like=True):
    """
    Owns who holds which share, and what nobody holds; it can be written down as it is.

    A holder that is to have less is told at once; what it gives up, and what is left in that, is offered on as soon as it says that it has. All
    have the same in the end.

    Attributes:
        owned: of every rate, what there is to be held, from 0 to 1.
        goal: what of that is to be split; less while some has to be given back.
        free_levels: how full what nobody holds is.
        stakes: by the holder's name, in the order in which they came.
    """

    owned: float = 1.0
    goal: Share = WHOLE
    free_levels: Levels = FULL
    stakes: dict[str, Stake] = msgspec.field(default_factory=dict[str, Stake])

    @property
    def held(self) -> float:
        """Of every rate, the most that all together may be using."""
        return sum(stake.part for stake in self.stakes.values())

    @property
    def span(self) -> float:
        """Of all seats, the most that all together may be using."""
        return sum(stake.span for stake in self.stakes.values())

    @property
    def surplus(self) -> float:
        """What is to be given back and isn't held any more."""
        surplus = min(self.owned - self.goal.part, self.owned - self.held)
        return surplus if surplus > _ROUNDING else 0.0

    def note(self, name: str, said: Standing, until: float) -> None:
        """Take in what a holder says, good for so long: what it has given up is free."""
        stake, free = self.stakes.get(name), self.owned - self.held
        if stake is None:
            self.stakes[name] = Stake(said.share, until)
            return
        self.stakes[name] = Stake(said.share, max(until, stake.until))
        had, has = stake.held.part, said.share.part
        never_came = max(0.0, stake.part - max(had, has))
        self._release(never_came, stake.levels, free)
        self._release(had - has, said.given_up or EMPTY, free + never_came)

    def extend(self, name: str, until: float) -> None:
        """What this holder has is good for so long at least."""
        stake = self.stakes[name]
        self.stakes[name] = msgspec.structs.replace(stake, until=max(until, stake.until))

    def leave(self, name: str, given_up: Levels) -> None:
        """Take all back from one that goes."""
        if name in self.stakes:
            self.note(name, Standing(NOTHING, given_up), 0.0)
            del self.stakes[name]

    def expire(self, now: float, last: Levels = EMPTY) -> None:
        """Take all back from those that are gone: nobody knows what was left in it. If nobody has anything any more, it's as full as `last`."""
        for name in [name for name, stake in self.stakes.items() if stake.until <= now]:
            free = self.owned - self.held
            gone = self.stakes.pop(name)
            self._release(gone.part, EMPTY if self.held else last, free)

    def offer(self, name: str) -> Offer | None:
        """What this holder is to have, or None if it's what it has."""
        stake, share = self.stakes[name], self.goal.piece(list(self.stakes).index(name), len(self.stakes))
        if stake.told_part > stake.held.part:  # it hasn't said yet whether it has that
            share = Share(min(share.part, stake.told_part), share.start, share.end)
        if share.part > stake.part and self.held - stake.part + share.part > self.goal.part + _ROUNDING:
            share = Share(stake.held.part, share.start, share.end)
        if share.span > stake.span and self.span - stake.span + share.span > self.goal.span + _ROUNDING:
            share = Share(share.part, stake.held.start, stake.held.end)
        if share == stake.held:
            return None
        levels = EMPTY
        if share.part > stake.held.part:
            levels = stake.levels if stake.told_part > stake.held.part else self.free_levels
        self.stakes[name] = msgspec.structs.replace(
            stake,
            told_part=max(stake.told_part, share.part),
            told_span=max(stake.told_span, share.span),
            levels=levels if share.part > stake.held.part else stake.levels,
        )
        return Offer(share, levels)

    def gain(self, part: float, levels: Levels) -> None:
        """There's more to hold."""
        self._release(part, levels, self.owned - self.held)
        self.owned += part

    def give_back(self) -> Levels | None:
        """Take the surplus out; gives how full it is, or None if there's none."""
        surplus = self.surplus
        if not surplus:
            return None
        self.owned -= surplus
        if self.owned - self.goal.part <= _ROUNDING:
            self.owned = self.goal.part
        return self.free_levels

    def scale(self, factor: float) -> None:
        """Everybody has `factor` of the part they had."""
        self.owned *= factor
        self.goal = self.goal.scaled(factor)
        for name, stake in self.stakes.items():
            self.stakes[name] = msgspec.structs.replace(
                stake,
                held=stake.held.scaled(factor),
                told_part=stake.told_part * factor,
                told_span=stake.told_span if factor else 0.0,
            )

    def _release(self, part: float, levels: Levels, free: float) -> None:
        """Nobody holds `part` any more; `free` was what nobody held before."""
        if part > _ROUNDING:
            self.free_levels = blend(self.free_levels, max(0.0, free), levels, part)
