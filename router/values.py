"""The values that travel down the request line by argument, frozen: what must hold, what the request looks like; who asks is `models.access`'s."""

import msgspec

from turnout.models.openai.preferences import Preferences
from turnout.models.target import Capability
from turnout.router.plan.predict.blocks import NO_BLOCKS, Blocks

TYPICAL_OUTPUT_TOKENS = 256
"""An answer's length where nothing is known of it: an assumption, set right by the upstream's count."""


class Constraints(msgspec.Struct, frozen=True):
    """
    What any place that handles this request must satisfy. Made in admit; cache, plan, execute and outbox obey it alike.

    Attributes:
        is_local_only: the prompt must not leave the cluster (`x-turnout-residency: local`).
        deadline_at: when everything has to be over, in event-loop time.
        first_token_s: seconds an attempt has for its first token, as the caller asks, or None for the model's.
        gap_s: seconds a stream may be silent, as the caller asks, or None for the model's.
        regions: the prompt is processed in one of these only, or None for anywhere.
        is_private: nobody may keep the prompt.
        needs: what the model must be able to do.
        preferences: the caller's wishes about who answers, or None.
    """

    is_local_only: bool
    deadline_at: float
    first_token_s: float | None = None
    gap_s: float | None = None
    regions: frozenset[str] | None = None
    is_private: bool = False
    needs: frozenset[Capability] = frozenset()
    preferences: Preferences | None = None

    @property
    def binds(self) -> bool:
        """Whether they leave out any place at all, time aside."""
        return (
            self.is_local_only
            or self.is_private
            or self.regions is not None
            or self.preferences is not None
            or bool(self.needs)
        )


class Features(msgspec.Struct, frozen=True):
    """
    What planning may look at. Made after guard, so that it describes what will be sent.

    Attributes:
        prompt_tokens: estimate, from bytes.
        max_output_tokens: the caller's limit, or None.
        session: 16 bytes of the conversation that it belongs to, hashed with its tenant, or none.
        region: where the caller says that it is, or "".
        task: what the caller says that it's for, such as `code`, or "".
        blocks: hashes of the prompt, for those who ask.
    """

    prompt_tokens: int
    max_output_tokens: int | None
    session: bytes = b""
    region: str = ""
    task: str = ""
    blocks: Blocks = NO_BLOCKS

    @property
    def least_tokens(self) -> int:
        """Of prompt and asked-for output together, at the least: a prompt has rarely more than twice the usual bytes a token."""
        return self.prompt_tokens // 2 + (self.max_output_tokens or 0)
