"""Which prices were in force when: a version is kept whenever accepted settings have others, so that old rows stay explainable."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
from pydantic import ValidationError

from turnout.models.access import WILDCARD
from turnout.models.catalog.rates import Quotes, Rates
from turnout.serve.config.dynamic import DynamicConfig, TargetSettings
from turnout.serve.control.database import Connection
from turnout.serve.control.store import Accepted

EXPLAINED_WITHIN_NS = 5_000_000_000
"""Routers use new settings up to so long before Control has heard that they were accepted."""


class TargetPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What a target's tokens or its time cost.

    Attributes:
        provider: its name, or "" for a pool.
        pool: its name, or "" for a provider.
        input_pusd, output_pusd: pico-USD a token, or None if it isn't known.
        cache_read_pusd: pico-USD a prompt token that the upstream had cached, or None for as much as another.
        gpu_hour_nusd: nano-USD for an hour of one GPU, or None.
        gpus: of one replica.
    """

    provider: str = ""
    pool: str = ""
    input_pusd: int | None = None
    output_pusd: int | None = None
    gpu_hour_nusd: int | None = None
    gpus: int = 1
    cache_read_pusd: int | None = None

    def cost_nusd(self, input_tokens: int, output_tokens: int, cache_read_tokens: int = 0) -> int | None:
        """What so many tokens cost, rounded half up, or None; those read from a cache are part of the input."""
        if self.input_pusd is None or self.output_pusd is None:
            return None
        cost_pusd = input_tokens * self.input_pusd + output_tokens * self.output_pusd
        if self.cache_read_pusd is not None:
            cost_pusd += min(cache_read_tokens, input_tokens) * (self.cache_read_pusd - self.input_pusd)
        return (cost_pusd + 500) // 1000


class PriceVersion(msgspec.Struct, frozen=True):
    """
    Prices from a time on.

    Attributes:
        number: grows; the name in reports is `hash`.
        hash: 12 hex digits, the same for the same prices.
        at_ns: when the settings with these prices were accepted.
        prices: by target.
    """

    number: int
    hash: str
    at_ns: int
    prices: Mapping[str, TargetPrice]


_prices = msgspec.json.Decoder(dict[str, TargetPrice])


def record_prices(connection: Connection, accepted: Accepted) -> None:
    """Keep the prices of accepted settings, in the caller's transaction if they are others than the version before; what isn't settings has none."""
    try:
        prices = read_prices(DynamicConfig.model_validate_json(accepted.document))
    except ValidationError:
        return
    keep_version(connection, prices, accepted.at_ns)


def keep_version(connection: Connection, prices: Mapping[str, TargetPrice], at_ns: int) -> None:
    """Keep prices that are in force from now on, in the caller's transaction, if they are others than the version before."""
    text = msgspec.json.encode(prices, order="sorted")
    name = hashlib.blake2b(text, digest_size=6).hexdigest()
    last = connection.execute("SELECT hash FROM price_version ORDER BY number DESC LIMIT 1").fetchone()
    if last is None or last[0] != name:
        connection.execute(
            "INSERT INTO price_version (hash, at_ns, prices) VALUES (?, ?, ?)", (name, at_ns, text.decode())
        )


def list_versions(connection: Connection) -> list[PriceVersion]:
    """All versions, the oldest first."""
    rows = connection.execute("SELECT number, hash, at_ns, prices FROM price_version ORDER BY number")
    return [PriceVersion(number, name, at_ns, _prices.decode(text)) for number, name, at_ns, text in rows]


def read_prices(config: DynamicConfig, quotes: Quotes | None = None) -> dict[str, TargetPrice]:
    """
    The prices of all targets of these settings, where they say none those of a table.

    A target whose model has a `*` has none itself, and one as `TARGET:MODEL` for each model of the table that it may stand for.
    """
    prices: dict[str, TargetPrice] = {}
    for model in config.models:
        for target in model.targets:
            rates = {} if quotes is None else quotes.rates.get(target.name, {})
            prices[target.name] = _read_price(target, rates.get(target.model or ""))
            if (target.model or "").endswith(WILDCARD):
                prices |= {f"{target.name}:{name}": _read_price(target, each) for name, each in rates.items()}
    return prices


def _read_price(target: TargetSettings, rates: Rates | None) -> TargetPrice:
    own = target.input_cost_per_token, target.output_cost_per_token, target.cache_read_cost_per_token
    input_pusd, output_pusd, cache_read_pusd = own if rates is None else msgspec.structs.astuple(rates)
    return TargetPrice(
        provider=target.provider or "",
        pool=target.pool or "",
        input_pusd=input_pusd,
        output_pusd=output_pusd,
        gpu_hour_nusd=target.gpu_hour_usd,
        gpus=target.gpus,
        cache_read_pusd=cache_read_pusd,
    )


def find_version(
    versions: Sequence[PriceVersion], target: str, at_ns: int, tokens: tuple[int, ...], cost_nusd: int | None
) -> PriceVersion | None:
    """
    The version that a ledger row was priced by; None if it's older than all of them.

    That's the one in force at the row's time, unless the next one, accepted within 5 s, explains the cost and this one doesn't.

    Args:
        versions: the oldest first.
        target: the row's.
        at_ns: the row's time.
        tokens: of its input and output, and those of the input that were read from a cache.
        cost_nusd: what it cost.
    """
    in_force = [version for version in versions if version.at_ns <= at_ns]
    soon = [version for version in versions if at_ns < version.at_ns <= at_ns + EXPLAINED_WITHIN_NS]
    for version in (*in_force[-1:], *soon):
        price = version.prices.get(target)
        if price is not None and price.cost_nusd(*tokens) == cost_nusd:
            return version
    return in_force[-1] if in_force else None
