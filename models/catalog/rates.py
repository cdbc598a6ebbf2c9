"""What a model's tokens cost, and what the targets of a cluster cost by that."""

from collections.abc import Mapping

import msgspec


class Rates(msgspec.Struct, frozen=True, array_like=True):
    """
    Prices of one model, in pico-USD a token.

    Attributes:
        input_pusd: of the prompt.
        output_pusd: of the completion, or None if it isn't known.
        cache_read_pusd: of the part of the prompt that the provider had cached, never above `input_pusd`; None for as much as another.
    """

    input_pusd: int
    output_pusd: int | None = None
    cache_read_pusd: int | None = None


class Quotes(msgspec.Struct, frozen=True, array_like=True):
    """
    What the targets without prices of their own cost now, as Control tells routers.

    Attributes:
        version: the same for the same rates; "" for none at all.
        rates: by target and by the upstream's name of the model: one for most targets, many for one whose model has a `*`.
    """

    version: str = ""
    rates: Mapping[str, Mapping[str, Rates]] = {}
