"""Decides whether a stored answer may be given, so that the share of wrong hits stays below what the user allows."""

import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from turnout.router.cache.semantic.chances import most_expected
from turnout.router.cache.semantic.error_model import ErrorModel
from turnout.router.cache.semantic.evidence import FEATURES, Evidence
from turnout.router.cache.semantic.judgement import JudgeNoise

_BUDGET_Z = 1.645  # the errors stay within what's planned with 95 %, given the most that are expected
_RESERVE = 0.1  # of the allowed rate: new kinds of questions err before any label shows it
_WORST = 1.5  # times the allowed rate: no hit is riskier, however good the rest; the model is checked only about there
_LOOK_AHEAD = 20.0  # hits, as multiples of 1 / max_error_rate: what the first budget is planned for
_LOOK_AHEAD_GROWTH = 3.0
_FIRST_FIT_LABELS = 64
_FEWEST_LABELS_A_FIT = 32
_FIT_SHARE = 20
_AUDIT_MEMORY = 0.995
_MOST_ERROR_RATE = 0.5


@dataclass(frozen=True, slots=True)
class Bound:
    """
    What the user asks for.

    Attributes:
        max_error_rate: wrong hits for each hit, above 0 and at most 0.5.
        audit_share: of hits that get a fresh answer, too, to be compared.
        noise: of the judge who compares answers.
    """

    max_error_rate: float
    audit_share: float = 0.015
    noise: JudgeNoise = JudgeNoise()  # noqa: RUF009  # frozen

    def __post_init__(self) -> None:
        if not 0 < self.max_error_rate <= _MOST_ERROR_RATE:
            raise ValueError(
                f"max_error_rate is {self.max_error_rate!r}: it must be above 0 and at most {_MOST_ERROR_RATE}"
            )
        if not 0 <= self.audit_share <= 1:
            raise ValueError(f"audit_share is {self.audit_share!r}: it must be within 0 and 1")


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What to do with a proposal.

    Attributes:
        is_hit: give the stored answer.
        is_audited: give it, and get a fresh one to compare.
        wrong_probability: by the model, before its bound.
        reason: `learning`, `risk` or `within_bound`.
    """

    is_hit: bool
    is_audited: bool
    wrong_probability: float
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """
    The bound as it stands.

    Attributes:
        hits: so far.
        expected_wrong: an upper bound on the wrong ones expected among them.
        threshold: the probability of being wrong up to which a proposal is a hit.
        labels: judged pairs so far.
        ratio: how many times more errors than the model says there may be; infinite before the first fit.
    """

    hits: int
    expected_wrong: float
    threshold: float
    labels: int
    ratio: float


class Decision:
    """
    Owner of one namespace's bound: what was judged, what was served, and how much error is left to spend.

    With each hit its estimated probability of being wrong is booked, times the ratio by which the model was found too hopeful at worst. A proposal
    is a hit while proposals as good as it keep the sum within the largest Poisson mean that makes more wrong hits than allowed improbable, planned
    over the hits ahead. So the first hits need better evidence than later ones, none is served before there is any, and a judge who errs widens the
    ratio: fewer hits, not more errors.

    Args:
        bound: what the user asks for.
        randomness: which hits are audited.
    """

    def __init__(self, bound: Bound, randomness: random.Random) -> None:
        self._bound = bound
        self._random = randomness.random
        self._model = ErrorModel([sign for _, sign in FEATURES], bound.max_error_rate, bound.noise)
        self._hits = 0
        self._booked = 0.0
        self._audited = self._audited_wrong = self._audited_booked = 0.0
        self._next_fit = _FIRST_FIT_LABELS
        self._ratio = float("inf")
        self._probabilities: list[float] = []
        self._means: list[float] = []
        self._threshold = 0.0

    def __repr__(self) -> str:
        return f"<Decision {self.standing!r}>"

    @property
    def standing(self) -> Standing:
        """The live bound, for metrics."""
        expected = self._booked * self._ratio if self._hits else 0.0
        return Standing(self._hits, expected, self._threshold, self._model.labels, self._ratio)

    def decide(self, evidence: Evidence) -> Verdict:
        """Whether to give the answer; a hit counts as given. Some microseconds."""
        self._model.see(evidence.features)
        wrong_probability = self._model.estimate(evidence.features)
        if not self._probabilities:
            return Verdict(False, False, wrong_probability, "learning")
        if wrong_probability > self._threshold:
            return Verdict(False, False, wrong_probability, "risk")
        self._hits += 1
        self._booked += wrong_probability
        self._plan()
        return Verdict(True, self._random() < self._bound.audit_share, wrong_probability, "within_bound")

    def learn(self, evidence: Evidence, verdict: Verdict, is_right: bool) -> None:
        """
        Takes a judgement: of the proposal that was a miss, by the fresh answer; of an audited hit; or of one that a user complained of.

        Every sixteenth label or fewer, with a new fit of some milliseconds: not on the request path.
        """
        if verdict.is_hit:
            self._audited = self._audited * _AUDIT_MEMORY + 1
            self._audited_wrong = self._audited_wrong * _AUDIT_MEMORY + (not is_right)
            self._audited_booked = self._audited_booked * _AUDIT_MEMORY + verdict.wrong_probability
        self._model.add(evidence.features, not is_right)
        if self._model.labels >= self._next_fit:
            self._fit()

    def _fit(self) -> None:
        self._probabilities = self._model.fit()
        self._means = [total / count for count, total in enumerate(accumulate(self._probabilities), 1)]
        self._ratio = self._model.ratio
        if self._audited_booked:  # what served hits prove counts, too, however good the rest looks
            proven = self._model.at_least(self._audited_wrong, self._audited)
            self._ratio = max(self._ratio, proven / self._audited_booked)
        self._next_fit = self._model.labels + max(_FEWEST_LABELS_A_FIT, min(self._model.labels, 8192) // _FIT_SHARE)
        self._plan()

    def _plan(self) -> None:
        """Sets the threshold so that the hits ahead, as good as recent traffic up to it, use up what's left."""
        rate = self._bound.max_error_rate
        ahead = max(_LOOK_AHEAD / rate, self._hits * _LOOK_AHEAD_GROWTH)
        allowed = max(1, int(rate * (1 - _RESERVE) * (self._hits + ahead)))
        left = most_expected(allowed, _BUDGET_Z) - self._booked * self._ratio
        count = bisect_right(self._means, left / ahead / self._ratio)
        self._threshold = min(self._probabilities[count - 1], _WORST * rate / self._ratio) if count else 0.0
