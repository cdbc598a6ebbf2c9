"""What strategy `balanced` aims at, for one model: when an answer is in time, and what else is worth how many seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objective:
    """
    How soon answers should come.

    Attributes:
        first_token_s: a first token is in time when it comes so soon.
        token_s: from token to token, or None where nobody minds.
    """

    first_token_s: float = 2.0
    token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """
    What things are worth, in seconds of waiting for the first token.

    Attributes:
        batch: a second of prefill, to each sequence that runs there.
        answer: a second of the rest of the answer.
        usd: a US dollar.
    """

    batch: float = 0.02
    answer: float = 0.02
    usd: float = 100.0
