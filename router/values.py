"""The values that travel down the request line by argument, frozen: what must hold, what the request looks like; who asks is `models.access`'s."""

import msgspec


class Constraints(msgspec.Struct, frozen=True):
    """
    What any place that handles this request must satisfy. Made in admit; cache, plan, execute and outbox obey it alike.

    Attributes:
        is_local_only: the prompt must not leave the cluster (`x-turnout-residency: local`).
        deadline_at: when everything has to be over, in event-loop time.
        first_token_s: seconds an attempt has for its first token, as the caller asks, or None for the model's.
        gap_s: seconds a stream may be silent, as the caller asks, or None for the model's.
    """

    is_local_only: bool
    deadline_at: float
    first_token_s: float | None = None
    gap_s: float | None = None


class Features(msgspec.Struct, frozen=True):
    """
    What planning may look at. Made after guard, so that it describes what will be sent.

    Attributes:
        prompt_tokens: estimate, from bytes.
        max_output_tokens: the caller's limit, or None.
    """

    prompt_tokens: int
    max_output_tokens: int | None
