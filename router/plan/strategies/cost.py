"""Prefers those that answer for less money."""

from collections.abc import Sequence

from turnout.models.target import Target
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.values import TYPICAL_OUTPUT_TOKENS, Features


class Cost:
    """
    The cheapest against each: `cheapest / its own`, for the prompt and an answer of the usual length.

    What has no known price scores 0, unless nobody has one: it's neither free nor known to be dear.
    """

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        prices = [price_pusd(c.target, query.features) for c in candidates]
        known = [price for price in prices if price is not None]
        if not known:
            return [1.0] * len(prices)
        cheapest = min(known)
        return [0.0 if price is None else (1 + cheapest) / (1 + price) for price in prices]


def price_pusd(target: Target, features: Features) -> int | None:
    """Pico-USD for a request like this at `target`, or None where a price that it needs isn't known."""
    if target.input_price_pusd is None or target.output_price_pusd is None:
        return None
    output_tokens = min(features.max_output_tokens or TYPICAL_OUTPUT_TOKENS, TYPICAL_OUTPUT_TOKENS)
    return features.prompt_tokens * target.input_price_pusd + output_tokens * target.output_price_pusd
