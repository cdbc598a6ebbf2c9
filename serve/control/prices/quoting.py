"""What the targets of accepted settings cost by a price table."""

import hashlib
from collections.abc import Mapping

import msgspec

from turnout.models.access import WILDCARD
from turnout.models.catalog.rates import Quotes, Rates
from turnout.models.catalog.table import PriceTable
from turnout.serve.config.dynamic import DynamicConfig


def quote(config: DynamicConfig, table: PriceTable, at_s: float) -> Quotes:
    """
    The rates of all targets that have no price of their own and that the table knows.

    A target with an input price has its own prices, all of them: half of one table and half of another is nobody's price.
    """
    rates: dict[str, Mapping[str, Rates]] = {}
    for model in config.models:
        for target in model.targets:
            if target.provider is None or target.model is None or target.input_cost_per_token is not None:
                continue
            provider = config.providers.get(target.provider)
            vendor = target.provider if provider is None or provider.priced_as is None else provider.priced_as
            if target.model.endswith(WILDCARD):
                rates[target.name] = table.find_all(vendor, target.model[:-1], at_s)
            else:
                found = table.find(vendor, target.model, at_s)
                rates[target.name] = {} if found is None else {target.model: found}
    known = {name: by_model for name, by_model in sorted(rates.items()) if by_model}
    version = hashlib.blake2b(msgspec.msgpack.encode(known), digest_size=6).hexdigest() if known else ""
    return Quotes(version, known)


def list_unpriced(config: DynamicConfig, quotes: Quotes) -> list[str]:
    """Names of the providers' targets whose price is in neither."""
    return sorted(
        {
            target.name
            for model in config.models
            for target in model.targets
            if target.provider is not None and target.input_cost_per_token is None and target.name not in quotes.rates
        }
    )
