"""How far the judge of answers can be believed."""

from dataclasses import dataclass
from math import sqrt

_Z = 2.0  # 97.7 % on each side


@dataclass(frozen=True, slots=True)
class JudgeNoise:
    """
    How often a judge errs, as ranges that hold its true rates.

    Attributes:
        rejects_right: of pairs with the same answer, the least and the largest share that it calls different.
        accepts_wrong: of pairs with different answers, the least and the largest share that it calls the same.
    """

    rejects_right: tuple[float, float] = (0.0, 0.0)
    accepts_wrong: tuple[float, float] = (0.0, 0.0)

    @property
    def is_exact(self) -> bool:
        """Whether it never errs, as where answers are compared byte by byte."""
        return self.rejects_right[1] == 0 and self.accepts_wrong[1] == 0

    @property
    def clarity(self) -> float:
        """How much a judgement says, 0 to 1: one less both middle rates."""
        return 1 - sum(self.rejects_right) / 2 - sum(self.accepts_wrong) / 2


def estimate_noise(right_pairs: int, rejected: int, wrong_pairs: int, accepted: int) -> JudgeNoise:
    """
    The noise of a judge from gold pairs, of which the truth is known.

    Args:
        right_pairs: gold pairs with the same answer.
        rejected: of these, called different.
        wrong_pairs: gold pairs with different answers.
        accepted: of these, called the same.

    Raises:
        ValueError: there are no pairs of a kind, or the judge is no better than chance.
    """
    if not (right_pairs and wrong_pairs):
        raise ValueError(f"{right_pairs!r} right and {wrong_pairs!r} wrong gold pairs: at least one of each is needed")
    noise = JudgeNoise(_bound_share(rejected, right_pairs), _bound_share(accepted, wrong_pairs))
    if noise.clarity <= 0:
        raise ValueError(
            f"the judge rejects {rejected!r} of {right_pairs!r} and accepts {accepted!r} of {wrong_pairs!r}: use another"
        )
    return noise


def _bound_share(seen: int, of: int) -> tuple[float, float]:
    """Source: Wilson's score interval (1927)."""
    share, square = seen / of, _Z * _Z / of
    middle = (share + square / 2) / (1 + square)
    reach = _Z * sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)
