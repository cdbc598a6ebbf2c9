"""Limits that hold whoever asks, as the cluster file says them: of the gateway, and of a model."""

from collections.abc import Iterator

from pydantic import PositiveInt

from turnout.models.access import Limit, Unit
from turnout.serve.config.fields import Settings

_WINDOWS = {"minute": 60, "hour": 3600, "day": 86400}


class LimitSettings(Settings):
    """
    How much may be asked for, over all router replicas; none unless said. Each key's own limits come on top.

    Attributes:
        requests_per_minute, requests_per_hour, requests_per_day: requests that go to a model.
        tokens_per_minute, tokens_per_hour, tokens_per_day: input and output together; estimated at a request's start, corrected at its end.
        max_concurrent: requests at once.
        max_context_tokens: of one prompt, estimated from its size.
        max_output_tokens: of one answer; where a caller names no limit, this one is sent.
    """

    requests_per_minute: PositiveInt | None = None
    requests_per_hour: PositiveInt | None = None
    requests_per_day: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    tokens_per_hour: PositiveInt | None = None
    tokens_per_day: PositiveInt | None = None
    max_concurrent: PositiveInt | None = None
    max_context_tokens: PositiveInt | None = None
    max_output_tokens: PositiveInt | None = None

    def to_limits(self, bucket: str) -> tuple[Limit, ...]:
        """The same for the router, counted in `bucket`."""
        return tuple(self._limits(bucket))

    def _limits(self, bucket: str) -> Iterator[Limit]:
        for window, window_s in _WINDOWS.items():
            for unit in (Unit.REQUESTS, Unit.TOKENS):
                amount = getattr(self, f"{unit.value}_per_{window}")
                if amount is not None:
                    yield Limit(bucket, unit, amount, window_s)
        for unit in (Unit.CONCURRENT, Unit.CONTEXT_TOKENS, Unit.OUTPUT_TOKENS):
            amount = getattr(self, f"max_{unit.value}")
            if amount is not None:
                yield Limit(bucket, unit, amount)
