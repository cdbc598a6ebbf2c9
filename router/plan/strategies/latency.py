"""Prefers those that have answered fast lately."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.values import TYPICAL_OUTPUT_TOKENS


class Latency:
    """
    The expected time of an answer, times those that it would share the endpoint with, the fastest against each: `fastest / its own`.

    Who hasn't answered yet scores 1: it gets a request, and is known then.
    """

    def __init__(self, output_tokens: int = TYPICAL_OUTPUT_TOKENS) -> None:
        """
        Args:
            output_tokens: an answer's length where the caller's limit isn't less.
        """
        self._output_tokens = output_tokens

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        asked = query.features.max_output_tokens
        tokens = self._output_tokens if asked is None else min(asked, self._output_tokens)
        speeds = [c.watched() for c in candidates]
        times = [
            (c.in_flight + 1) * speed.expect_s(tokens, query.now) if speed.is_known else 0.0
            for c, speed in zip(candidates, speeds, strict=True)
        ]
        fastest = min((time for time in times if time), default=0.0)
        return [fastest / time if time else 1.0 for time in times]
