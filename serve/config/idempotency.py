"""How long, how many and where answers to requests with an idempotency key are kept."""

from typing import Annotated

from pydantic import Field, PositiveInt

from turnout.router.idempotency.in_memory import Bounds
from turnout.serve.config.fields import Seconds, SecretRef, Settings


class IdempotencySettings(Settings):
    """
    Answers to requests with an `Idempotency-Key`, kept to be given again.

    Attributes:
        keep_s: how long.
        answers: at most so many, in the memory of one replica; the oldest goes first.
        total_bytes: of all of them together, in the memory of one replica.
        answer_bytes: a larger answer isn't kept.
        redis: where a URL such as `redis://:PASSWORD@HOST:6379/0` is; all replicas then share keys and answers, and `answers` and `total_bytes` are
            the server's affair. Without it each replica knows its own only.
    """

    keep_s: Seconds = 86_400.0
    answers: PositiveInt = 10_000
    total_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    answer_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    redis: SecretRef | None = None

    def to_bounds(self) -> Bounds:
        """The same for a replica's memory."""
        return Bounds(self.keep_s, self.answers, self.total_bytes)
