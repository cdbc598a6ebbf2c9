"""
Holds requests back until the endpoint that serves them best can begin their prompt.

Who is sent to a busy engine waits there all the same, in an order that nobody can change any more, and disturbs those that are being answered.
Here one prompt at a time is prefilled at an endpoint, or several small ones together, and after a first token the next long prompt lets the new
answer have some tokens first. Of those that wait, those go first that can still have their first token in time, the quickest of them first; long
prompts that can't take up only a part of the endpoints.
"""

import math
from collections.abc import Sequence

import msgspec

from turnout.router.plan.predict.drain import Drain
from turnout.router.plan.predict.outlook import Outlook

LOOK = 32
"""Of those that wait, so many are looked at when an endpoint is free: the decision stays short under overload."""


class Terms(msgspec.Struct, frozen=True):
    """
    How requests are held back.

    Attributes:
        objective_s: a first token is in time when it comes so soon.
        token_s: an endpoint gets no more at once than leave it so quick from token to token; None for as many as come.
        gap_s: a new answer has so long for itself before the next long prompt begins.
        gap_share: of what a prompt takes to prefill, it waits no longer than this for such a gap.
        together_s: prompts that take less than this, all in all, are begun at once; about half a step of an engine.
        small_s: prompts that take less are small ones.
        patience_s: a small one is held back for so long at most: steps that are filled with several of them waste less, and no order among them is
            worth an engine that has room.
        lead_s: so long before an endpoint should be free, the next is sent there, so that it isn't idle while news travels.
        long_s: prompts that take longer, and can't be in time, are long ones.
        long_share: of the endpoints may prefill long ones at once; one always may.
        batch_weight: what a second of prefill costs each sequence that runs there, in seconds.
        age_weight: what a second of waiting counts for, against seconds of prefill, among those that can't be in time.
    """

    objective_s: float = 2.0
    token_s: float | None = None
    gap_s: float = 0.1
    gap_share: float = 0.15
    together_s: float = 0.1
    small_s: float = 0.5
    patience_s: float = 0.3
    lead_s: float = 0.0
    long_s: float = 1.0
    long_share: float = 0.65
    batch_weight: float = 0.02
    age_weight: float = 0.1


class Held:
    """
    One request that waits.

    Attributes:
        outlooks: of the endpoints that may answer it.
        new_tokens: to be prefilled at each of them, when it came.
        least_tokens: the fewest of these.
        prompt_tokens: of the request.
        priority: lower goes first.
        since: loop time at which it came.
        at: where it may begin, once that's decided.
        is_long: it was let in as a long one.
    """

    __slots__ = ("at", "is_long", "least_tokens", "new_tokens", "outlooks", "priority", "prompt_tokens", "since")

    def __init__(
        self, outlooks: Sequence[Outlook], prompt_tokens: int, blocks: Sequence[int], since: float, priority: int = 0
    ) -> None:
        self.outlooks = outlooks
        self.new_tokens = [outlook.count_new(prompt_tokens, blocks) for outlook in outlooks]
        self.least_tokens = min(self.new_tokens)
        self.prompt_tokens = prompt_tokens
        self.priority = priority
        self.since = since
        self.at = -1
        self.is_long = False

    def __repr__(self) -> str:
        return f"<Held {self.prompt_tokens} tokens since {self.since:.3f}>"


class Pacing:
    """
    Owns the requests of one model that are held back, in the order in which they came. Pure: whoever drives it asks again when an endpoint had a
    first token or an end, and at `wake_at`.

    Attributes:
        wake_at: loop time at which somebody may begin, if nothing happens before; set by `next`, None if nobody waits for time to pass.
    """

    __slots__ = ("_drain", "_held", "terms", "wake_at")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.wake_at: float | None = None
        self._held: dict[Held, None] = {}
        self._drain = Drain()

    def __repr__(self) -> str:
        return f"<Pacing {len(self._held)} held>"

    def __len__(self) -> int:
        return len(self._held)

    @property
    def wait_s(self) -> float:
        """Seconds until those that are held back now are let go, as fast as others lately were; nobody may wait so long, or everybody."""
        return self._drain.wait_s

    def add(self, held: Held) -> None:
        """Hold it back."""
        self._held[held] = None
        self._drain.add(held.least_tokens, held.since)

    def discard(self, held: Held) -> None:
        """It doesn't wait any more."""
        if held in self._held:
            del self._held[held]
            self._drain.discard(held.least_tokens)

    def may_begin(self, outlook: Outlook, prompt_tokens: int, new_tokens: int, now: float) -> bool:
        """Whether a prompt with so many uncached tokens may be sent to this endpoint now."""
        if not outlook.pace.is_known:
            return True
        place = _Place(outlook, self.terms, now)
        return not place.is_crowded and place.begins_in(prompt_tokens, place.prefill_s(new_tokens)) <= 0.0

    def next(self, now: float) -> Held | None:
        """Who may begin now, with `at` saying where; it waits no more. None if nobody may."""
        best: Held | None = None
        best_rank: tuple[int, bool, float] | None = None
        self.wake_at = None
        surveys: dict[int, _Survey] = {}
        for held, _ in zip(self._held, range(LOOK), strict=False):
            survey = surveys.get(id(held.outlooks))
            if survey is None:
                survey = surveys[id(held.outlooks)] = _Survey(held.outlooks, self.terms, now)
                if survey.opens_at > now:
                    self._wake(survey.opens_at)
            is_small = held.least_tokens <= survey.small_tokens
            impatient_at = held.since + self.terms.patience_s if is_small else math.inf
            if survey.opens_at > now < impatient_at:
                self._wake(impatient_at)
                continue
            rank = self._rank(held, survey, now, is_impatient=now >= impatient_at)
            if rank is not None and (best_rank is None or rank < best_rank):
                best, best_rank = held, rank
        if best is not None:
            del self._held[best]
            self._drain.let_go(best.least_tokens, now)
        return best

    def _rank(self, held: Held, survey: "_Survey", now: float, *, is_impatient: bool) -> tuple[int, bool, float] | None:
        """Its place among those that wait, lower first, and its `at`; None if it should go on waiting."""
        best_s, at, best_in, prefill_s = math.inf, -1, 0.0, 0.0
        for number, place in enumerate(survey.places):
            if place.is_crowded:
                continue
            own_s = place.start_s + place.slope_s * held.new_tokens[number]
            begins_in = place.begins_in(held.prompt_tokens, own_s)
            cost_s = begins_in + own_s * place.factor if begins_in > 0.0 else own_s * place.factor
            if cost_s < best_s:
                best_s, at, best_in, prefill_s = cost_s, number, begins_in, own_s
        terms = self.terms
        if at < 0 or (best_in > 0.0 and not is_impatient):
            self._wake(now + (terms.gap_s if at < 0 else best_in))
            return None
        age_s = now - held.since
        is_late = age_s + prefill_s > terms.objective_s
        held.is_long = is_late and prefill_s > terms.long_s
        if held.is_long and survey.longs >= survey.most_longs:
            self._wake(
                now + terms.long_s
            )  # another model's requests may be the ones in its way, and nobody tells this Pacing of their end
            return None
        held.at = at
        return held.priority, is_late, best_s - (terms.age_weight * age_s if is_late else 0.0)

    def _wake(self, at: float) -> None:
        if self.wake_at is None or at < self.wake_at:
            self.wake_at = at


class _Place:
    """One endpoint at one moment, with what doesn't depend on the request."""

    __slots__ = (
        "_is_engine",
        "_opens_in",
        "_room",
        "_terms",
        "_wait_s",
        "factor",
        "is_crowded",
        "opens_in",
        "slope_s",
        "start_s",
    )

    def __init__(self, outlook: Outlook, terms: Terms, now: float) -> None:
        work, pace = outlook.work, outlook.pace
        slowness = pace.slowness(now)
        self.start_s = pace.first.start * slowness
        self.slope_s = pace.first.slope * slowness
        self.factor = 1.0 + terms.batch_weight * work.batch(now)
        self._terms = terms
        self._is_engine = work.is_engine
        wait_s = work.wait_s(now)
        self._wait_s = wait_s - terms.lead_s if work.due else 0.0
        self._opens_in = work.first_at - now
        room = work.room_tokens
        self._room = math.inf if room is None or not work.running else room - work.resident_tokens
        self.is_crowded = _is_crowded(outlook, terms, now)
        self.opens_in = terms.gap_s if self.is_crowded else 0.0 if wait_s < terms.together_s else self._wait_s

    def prefill_s(self, new_tokens: int) -> float:
        return self.start_s + self.slope_s * new_tokens

    def begins_in(self, prompt_tokens: int, prefill_s: float) -> float:
        """Seconds until a prompt may be sent there, as far as can be told; 0 or less if it may now."""
        if not self._is_engine:
            return 0.0
        terms, wait_s = self._terms, self._wait_s
        if prompt_tokens > self._room:
            return max(terms.gap_s, wait_s)
        gap_s = min(terms.gap_s, terms.gap_share * prefill_s)
        if wait_s > 0.0:
            return 0.0 if wait_s + prefill_s <= terms.together_s else wait_s + gap_s
        return self._opens_in + gap_s


def _is_crowded(outlook: Outlook, terms: Terms, now: float) -> bool:
    """Whether one more answer would take all there beyond the objective; one that can't be met even by an answer alone keeps nobody out."""
    pace, batch = outlook.pace, outlook.work.batch(now)
    if terms.token_s is None or not outlook.work.is_engine or not pace.token.is_warm:
        return False
    return pace.token.at(batch + 1.0) > terms.token_s >= pace.token.at(1.0)


class _Survey:
    """The endpoints that a request may go to, at one moment."""

    __slots__ = ("longs", "most_longs", "opens_at", "places", "small_tokens")

    def __init__(self, outlooks: Sequence[Outlook], terms: Terms, now: float) -> None:
        self.places = [_Place(outlook, terms, now) for outlook in outlooks]
        self.longs = sum(outlook.work.longs > 0 for outlook in outlooks)
        self.most_longs = max(1, int(terms.long_share * len(outlooks)))
        self.opens_at = now + min(place.opens_in for place in self.places)
        first = self.places[0]
        self.small_tokens = (terms.small_s - first.start_s) / first.slope_s if first.slope_s else math.inf
