"""Chooses a model by what its answer is likely to be worth and to cost."""

from collections.abc import Sequence


def choose_cheapest(qualities: Sequence[float], costs_usd: Sequence[float], min_quality: float) -> int:
    """
    The cheapest whose quality is at least `min_quality`; the best of all where none has it.

    Args:
        qualities: n chances of a good answer, 0 to 1; n >= 1.
        costs_usd: of the same n; infinite where a price isn't known. Of equals, the better is taken, then the first.
        min_quality: 0 to 1.

    Returns:
        An index.
    """
    enough = [at for at, quality in enumerate(qualities) if quality >= min_quality]
    if not enough:
        return max(range(len(qualities)), key=lambda at: (qualities[at], -costs_usd[at]))
    return min(enough, key=lambda at: (costs_usd[at], -qualities[at]))


def choose_by_utility(qualities: Sequence[float], costs_usd: Sequence[float], usd_per_good_answer: float) -> int:
    """
    The one with the greatest `quality * usd_per_good_answer - cost`: what a good answer is worth, less what it costs.

    Args:
        qualities: n chances of a good answer, 0 to 1; n >= 1.
        costs_usd: of the same n; infinite where a price isn't known, which is taken only where none is.
        usd_per_good_answer: infinite takes the best whatever it costs.

    Returns:
        An index; of equals, the first.
    """
    if usd_per_good_answer == float("inf"):
        return max(range(len(qualities)), key=lambda at: (qualities[at], -costs_usd[at]))
    return max(
        range(len(qualities)), key=lambda at: (qualities[at] * usd_per_good_answer - costs_usd[at], qualities[at])
    )
