"""Predicts at each endpoint when it would answer, what that does to others and what it costs, and prefers the least of all that together."""

from collections.abc import Callable, Sequence
from random import Random

from turnout.router.plan.aims import Weights
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.predict.outlook import Outlook
from turnout.router.plan.predict.shortlist import MOST, shortlist
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.cost import price_pusd
from turnout.router.plan.strategy import Foreseen

_ALIKE_S = 0.02
"""What differs by less than this counts as the same: added to both sides of every comparison."""

_PICO = 1e-12

_LIMITED_S = 2.0

_CostOf = Callable[[Candidate, Outlook, Query, Sequence[int]], float]


class Balanced:
    """
    The cheapest endpoint against each, in seconds: `(least + 0.02) / (its own + 0.02)`.

    Seconds to the first token, what the prefill costs those that run there, the rest of the answer, money. As long as nobody's pace is known, it's
    uncached tokens there times sequences there instead. Where requests run of which nothing was heard for a minute, nothing is known any more, and
    the better of two drawn at random by attempts in flight is taken.

    Sources: new tokens times batch size: Zhang et al., LMetric (arXiv 2603.15202, 2026). Predicting each candidate from cached tokens, queue and
    batch: llm-d's latency predictor; the time to first token as the sum of what lies ahead and one's own: Qin et al., Mooncake (FAST 2025).
    """

    def __init__(self, rng: Random, weights: Weights | None = None, most: int = MOST) -> None:
        """
        Args:
            rng: for the two, when nothing is known.
            weights: what things are worth.
            most: candidates that are predicted; of more, a shortlist.
        """
        self._most = most
        self._random = rng.random
        self._weights = weights or Weights()

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`; of many candidates, those that weren't worth a prediction score 0."""
        outlooks = [c.outlook or c.foreseen() for c in candidates]
        if any(outlook.work.is_stale(query.now) for outlook in outlooks):
            return self._draw_two(candidates)
        if not _introduce(candidates, outlooks):
            return self._compare_all(_burden, candidates, outlooks, query)
        return Foreseen(
            self._compare_all(self._cost_s, candidates, outlooks, query), [outlook.seen for outlook in outlooks]
        )

    def _compare_all(
        self, cost_of: _CostOf, candidates: Sequence[Candidate], outlooks: Sequence[Outlook], query: Query
    ) -> list[float]:
        blocks = query.features.blocks.hashes
        if len(candidates) <= self._most:
            return _compare([cost_of(*each, query, blocks) for each in zip(candidates, outlooks, strict=True)])
        bare = [cost_of(*each, query, ()) for each in zip(candidates, outlooks, strict=True)]
        chosen = shortlist(outlooks, bare, blocks, self._most)
        scores = [0.0] * len(candidates)
        compared = _compare([cost_of(candidates[at], outlooks[at], query, blocks) for at in chosen])
        for at, score in zip(chosen, compared, strict=True):
            scores[at] = score
        return scores

    def _cost_s(self, candidate: Candidate, outlook: Outlook, query: Query, blocks: Sequence[int]) -> float:
        """What going there costs, in seconds."""
        features, weights = query.features, self._weights
        seen = outlook.foresee(features.prompt_tokens, blocks, query.now)
        asked, usual = features.max_output_tokens, outlook.lengths.median
        tokens = usual if asked is None or asked > usual else asked
        cost_s = seen.wait_s + seen.prefill_s * (1.0 + weights.batch * seen.batch)
        cost_s += weights.answer * seen.token_s * tokens
        price = price_pusd(candidate.target, features)
        if price:
            cost_s += weights.usd * price * _PICO
        return cost_s + _LIMITED_S if candidate.is_limited else cost_s

    def _draw_two(self, candidates: Sequence[Candidate]) -> list[float]:
        count = len(candidates)
        first = int(self._random() * count)
        second = (first + 1 + int(self._random() * (count - 1))) % count
        scores = [0.0] * count
        for at in (first, second):
            scores[at] = 1.0 / (1.0 + candidates[at].in_flight)
        return scores


def _introduce(candidates: Sequence[Candidate], outlooks: Sequence[Outlook]) -> bool:
    """Take those whose pace nobody knows yet for like their siblings, or like any other; False where nobody's is known."""
    unknown = [at for at, outlook in enumerate(outlooks) if not outlook.pace.is_known]
    if not unknown:
        return True
    if len(unknown) == len(outlooks):
        return False
    paces = {c.target.name: o.pace for c, o in zip(candidates, outlooks, strict=True) if o.pace.is_known}
    for at in unknown:
        outlooks[at].pace.take_after(paces.get(candidates[at].target.name) or next(iter(paces.values())))
    return True


def _burden(candidate: Candidate, outlook: Outlook, query: Query, blocks: Sequence[int]) -> float:
    """Tokens to be prefilled there, with this request, times the sequences that it would be one of."""
    del candidate
    work = outlook.work
    due_tokens = work.due_tokens + work.foreign_tokens(query.now)
    return (outlook.count_new(query.features.prompt_tokens, blocks) + due_tokens) * (1.0 + work.batch(query.now))


def _compare(costs: Sequence[float]) -> list[float]:
    least = min(costs) + _ALIKE_S
    return [least / (cost + _ALIKE_S) for cost in costs]
