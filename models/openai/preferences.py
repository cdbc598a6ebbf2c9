"""
Reads a caller's wishes about who answers, as OpenRouter's clients send them in `provider`.

    "provider": {"order": ["a", "b"], "allow_fallbacks": false}   these first, in this order; nobody else
    "provider": {"only": ["a"], "ignore": ["b"]}                  a set that may, and a set that may not
    "provider": {"sort": "price"}                                 or "throughput", "latency"
    "provider": {"max_price": {"prompt": 1, "completion": 2}}     USD a million tokens
    "provider": {"data_collection": "deny", "zdr": true}          nobody who keeps prompts

Source: openrouter.ai/docs/features/provider-routing, read 2026-11. What can't be obeyed here is refused: dropped in silence, data or money would go
where the caller forbade it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from turnout.models.errors import BadRequest

_Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=64)]
_UsdPerMillion = Annotated[float, Meta(ge=0, le=1e6)]
_PUSD_PER_USD_PER_MILLION = 1_000_000


class MaxPrice(msgspec.Struct, frozen=True):
    """
    The most that a token may cost, in pico-USD.

    Attributes:
        input_pusd, output_pusd: None has no bound.
    """

    input_pusd: int | None
    output_pusd: int | None


class Preferences(msgspec.Struct, frozen=True):
    """
    A caller's wishes about who answers; names are of vendors or targets.

    Attributes:
        order: these before others, in this order.
        only: nobody else, or None for everybody.
        ignore: none of these.
        sort: `price`, `throughput` or `latency` decide instead of the model's strategy.
        max_price: what may cost more is left out, and so is what has no known price.
        is_private: nobody who keeps prompts.
    """

    order: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    sort: Literal["price", "throughput", "latency"] | None = None
    max_price: MaxPrice | None = None
    is_private: bool = False


class _MaxPriceBody(msgspec.Struct, forbid_unknown_fields=True):
    prompt: _UsdPerMillion | None = None
    completion: _UsdPerMillion | None = None


class _Sort(msgspec.Struct, forbid_unknown_fields=True):
    by: Literal["price", "throughput", "latency"]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    order: _Names | None = None
    only: _Names | None = None
    ignore: _Names | None = None
    allow_fallbacks: bool | None = None
    sort: Literal["price", "throughput", "latency"] | _Sort | None = None
    max_price: _MaxPriceBody | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    require_parameters: bool | None = None


_decode = msgspec.json.Decoder(_Body | None).decode


def read_preferences(value: msgspec.Raw) -> Preferences | None:
    """
    The wishes in a body's `provider`; None for null.

    `require_parameters` changes nothing: a place that lacks what a request needs is left out in any case.

    Raises:
        BadRequest: it names something unknown or of the wrong type.
    """
    try:
        body = _decode(value)
    except msgspec.ValidationError as error:
        raise BadRequest(f"Invalid value for 'provider': {error}.", "provider") from error
    if body is None:
        return None
    order = tuple(body.order or ())
    only: frozenset[str] | None = None if body.only is None else frozenset(body.only)
    if body.allow_fallbacks is False and order:
        only = frozenset(order) if only is None else only & frozenset(order)
    price = body.max_price
    return Preferences(
        order=order,
        only=only,
        ignore=frozenset(body.ignore or ()),
        sort=body.sort.by if isinstance(body.sort, _Sort) else body.sort,
        max_price=None if price is None else MaxPrice(_to_pusd(price.prompt), _to_pusd(price.completion)),
        is_private=body.data_collection == "deny" or bool(body.zdr),
    )


def _to_pusd(usd_per_million: float | None) -> int | None:
    return None if usd_per_million is None else round(usd_per_million * _PUSD_PER_USD_PER_MILLION)
