"""
Reads price tables: our own, and LiteLLM's `model_prices_and_context_window.json`.

Ours has exact prices and the time from which each is in force:

    {"prices": [{"provider": "openai", "model": "gpt-4o", "input_cost_per_token": "0.0000025", "output_cost_per_token": "0.00001",
                 "cache_read_cost_per_token": "0.00000125", "effective_at": "2026-01-01T00:00:00Z"}]}

Source of the other: https://github.com/BerriAI/litellm, the file of that name, as it was on 2026-11-23.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec

from turnout.models.catalog.rates import Rates

MOST_BYTES = 32 * 1024 * 1024
_PUSD_IN_USD = 10**12
_MOST_USD = Decimal(1)
"""A token for more than a dollar is a table for something else."""

_Usd = float | str | None


class BadTable(Exception):
    """A document that is no price table; the text says why."""


class _Entry(msgspec.Struct):
    provider: Annotated[str, msgspec.Meta(min_length=1)]
    model: Annotated[str, msgspec.Meta(min_length=1)]
    input_cost_per_token: float | str
    output_cost_per_token: _Usd = None
    cache_read_cost_per_token: _Usd = None
    effective_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Document(msgspec.Struct):
    prices: list[_Entry]


class _LiteLlmEntry(msgspec.Struct):
    litellm_provider: str
    input_cost_per_token: float | str
    output_cost_per_token: _Usd = None
    cache_read_input_token_cost: _Usd = None


_slices = msgspec.json.Decoder(dict[str, msgspec.Raw])
_documents = msgspec.json.Decoder(_Document)
_others = msgspec.json.Decoder(_LiteLlmEntry)


class PriceTable:
    """What models cost, by provider and model, from which time on. Immutable."""

    def __init__(self, entries: Iterable[tuple[str, str, float, Rates]]) -> None:
        """
        Args:
            entries: provider, model, unix time from which it's in force, and what it is then.
        """
        self._by_provider: dict[str, dict[str, list[tuple[float, Rates]]]] = {}
        for provider, model, since_s, rates in entries:
            self._by_provider.setdefault(_fold(provider), {}).setdefault(model, []).append((since_s, rates))
        for models in self._by_provider.values():
            for rated in models.values():
                rated.sort(key=lambda each: each[0])

    def __repr__(self) -> str:
        return f"PriceTable({len(self)} models)"

    def __len__(self) -> int:
        return sum(len(models) for models in self._by_provider.values())

    def find(self, provider: str, model: str, at_s: float) -> Rates | None:
        """What a model costs at `at_s` (unix time), or None."""
        return _in_force(self._by_provider.get(_fold(provider), {}).get(model, ()), at_s)

    def find_all(self, provider: str, beginning: str, at_s: float) -> Mapping[str, Rates]:
        """What the models of a provider cost whose names begin so."""
        models = self._by_provider.get(_fold(provider), {})
        found = {name: _in_force(rated, at_s) for name, rated in models.items() if name.startswith(beginning)}
        return {name: rates for name, rates in sorted(found.items()) if rates is not None}

    def next_change_s(self, at_s: float) -> float:
        """When the next price comes into force; inf for none."""
        times = (since_s for models in self._by_provider.values() for rated in models.values() for since_s, _ in rated)
        return min((since_s for since_s in times if since_s > at_s), default=math.inf)


def parse_table(document: bytes) -> PriceTable:
    """
    The table in a document of either shape.

    Raises:
        BadTable: it's neither, has a price that makes no sense, or has none at all.
    """
    try:
        fields = _slices.decode(document)
        is_ours = "prices" in fields
        table = PriceTable(_read_own(document) if is_ours else _read_litellm(fields))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadTable(f"it's no price table: {error}") from error
    except RecursionError as error:
        raise BadTable("it's nested too deep") from error
    if not table:
        raise BadTable("it has no price of a token")
    return table


def _read_own(document: bytes) -> Iterator[tuple[str, str, float, Rates]]:
    for entry in _documents.decode(document).prices:
        rates = _rates(entry.input_cost_per_token, entry.output_cost_per_token, entry.cache_read_cost_per_token)
        if rates is None:
            raise BadTable(f"{entry.provider}/{entry.model} has a price that isn't USD a token, from 0 to {_MOST_USD}")
        since_s = -math.inf if entry.effective_at is None else entry.effective_at.timestamp()
        yield entry.provider, entry.model, since_s, rates


def _read_litellm(fields: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str, float, Rates]]:
    """Those entries that have prices of tokens; the others are of images, seconds, or the file's own explanation."""
    for name, raw in fields.items():
        try:
            entry = _others.decode(raw)
        except msgspec.DecodeError:
            continue
        rates = _rates(entry.input_cost_per_token, entry.output_cost_per_token, entry.cache_read_input_token_cost)
        if rates is not None and name != "sample_spec":
            yield entry.litellm_provider, name.removeprefix(f"{entry.litellm_provider}/"), -math.inf, rates


def _rates(input_usd: float | str, output_usd: _Usd, cached_usd: _Usd) -> Rates | None:
    """The same in whole pico-USD; None where a price makes no sense. A price of cached tokens above that of others isn't one."""
    try:
        priced, output, cached = (None if usd is None else _to_pusd(usd) for usd in (input_usd, output_usd, cached_usd))
    except (InvalidOperation, ValueError):
        return None
    if priced is None:
        return None
    return Rates(priced, output, cached if cached is not None and cached <= priced else None)


def _to_pusd(usd: float | str) -> int:
    price = Decimal(str(usd))
    if not 0 <= price <= _MOST_USD:
        raise ValueError
    return int((price * _PUSD_IN_USD).to_integral_value())


def _in_force(rated: Iterable[tuple[float, Rates]], at_s: float) -> Rates | None:
    found = None
    for since_s, rates in rated:
        if since_s <= at_s:
            found = rates
    return found


def _fold(provider: str) -> str:
    return provider.lower().replace("_", "-")
