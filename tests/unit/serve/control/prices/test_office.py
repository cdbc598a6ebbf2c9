"""Which prices hold when: the last good table until its time is over, and never 0 for what isn't known."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from turnout.models.catalog.rates import Quotes, Rates
from turnout.models.catalog.table import BadTable
from turnout.models.target import Target
from turnout.models.usage import Usage
from turnout.router.account import cost_of
from turnout.router.catalogue import Catalogue
from turnout.serve.active_config import ActiveConfig
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.prices import PricesSettings
from turnout.serve.config.secret import Secrets
from turnout.serve.control.bell import Bell
from turnout.serve.control.prices.office import RETRY_S, PriceOffice
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.reports.prices import read_prices

PRICES = {"url": "https://prices.example/table.json", "refresh_s": 100, "ttl_s": 1000}
NO_NEWS = WatchAnswer(overlay=None, accepted=None, wants_config=False)
FAR = Rates(1_000, 2_000, 500)


def settings(prices: dict[str, Any] | None = PRICES, priced_as: str | None = None) -> DynamicConfig:
    def target(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "provider": "far", "model": name, **more}

    own = {"input_cost_per_token": "0.000000009", "output_cost_per_token": "0.000000009"}
    provider = {"base_url": "https://far.example/v1"} | ({"priced_as": priced_as} if priced_as else {})
    return DynamicConfig.model_validate(
        {
            "auth": {"open_on_loopback": True},
            "providers": {"far": provider},
            "models": [
                {"name": "m", "targets": [target("listed"), target("absent"), target("own", **own)]},
                {"name": "far/*", "targets": [{"name": "any", "provider": "far", "model": "x-*"}]},
            ],
            "prices": prices,
        }
    )


def table(input_usd: float = 1e-9, **entry: Any) -> bytes:
    price = {
        "provider": "far",
        "input_cost_per_token": input_usd,
        "output_cost_per_token": 2e-9,
        "cache_read_cost_per_token": 5e-10,
    }
    return json.dumps(
        {"prices": [{**price, "model": name, **entry} for name in ("listed", "own", "x-1", "x-2")]}
    ).encode()


@dataclass
class Book:
    config: DynamicConfig | None


@dataclass
class Rig:
    """A price office whose table is `document`, or an error."""

    config: DynamicConfig | None = field(default_factory=settings)
    document: bytes | Exception = field(default_factory=table)
    now: float = 1_000_000.0
    asked: int = 0
    kept: list[Quotes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = Book(self.config)
        self.office = PriceOffice(self.book, Bell(), lambda: self.now, self.keep, self.fetch)  # type: ignore[arg-type]

    async def keep(self, config: DynamicConfig, quotes: Quotes) -> None:
        self.kept.append(quotes)

    async def fetch(self, wanted: PricesSettings) -> bytes:
        self.asked += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    async def step(self, after_s: float = 0.0) -> float:
        self.now += after_s
        return await self.office.step()


async def test_targets_without_a_price_get_the_tables_and_others_keep_their_own() -> None:
    rig = Rig()
    await rig.step()
    assert rig.office.quotes is not None
    assert rig.office.quotes.rates == {"listed": {"listed": FAR}, "any": {"x-1": FAR, "x-2": FAR}}


async def test_a_provider_may_have_another_name_in_the_table() -> None:
    rig = Rig(settings(priced_as="elsewhere"), table(provider="elsewhere"))
    await rig.step()
    assert rig.office.quotes is not None
    assert "listed" in rig.office.quotes.rates


async def test_nothing_is_read_unless_the_settings_say_where() -> None:
    for config in (settings(None), None):
        rig = Rig(config)
        await rig.step()
        assert rig.asked == 0
    assert rig.office.quotes is None, "and without settings nothing is said either"


@pytest.mark.parametrize(
    "failure", [OSError("gone"), TimeoutError(), BadTable("no table"), b"<html>", b'{"prices": []}']
)
async def test_a_table_that_can_not_be_read_leaves_the_last_good_one_until_its_time_is_over(
    failure: bytes | Exception,
) -> None:
    rig = Rig()
    assert await rig.step() == 100
    good = rig.office.quotes
    rig.document = failure
    assert await rig.step(100) == RETRY_S
    assert rig.office.quotes is good
    await rig.step(899)
    assert rig.office.quotes is good
    await rig.step(1)
    assert rig.office.quotes == Quotes(), "then a price is unknown, and not 0"
    rig.document = table()
    await rig.step(RETRY_S)
    assert rig.office.quotes == good


async def test_before_the_first_good_table_nothing_is_said_so_that_routers_go_on_with_what_they_have() -> None:
    rig = Rig(document=OSError("gone"))
    assert await rig.step() == RETRY_S
    assert rig.office.add_news(NO_NEWS, report("old")) == NO_NEWS
    await rig.step(1000)
    assert rig.office.add_news(NO_NEWS, report("old")).prices == Quotes()


async def test_a_price_comes_into_force_at_its_time_and_not_at_the_next_reading() -> None:
    rig = Rig(document=table(effective_at="1970-01-12T13:47:00Z"))  # 1,000,020 s
    assert await rig.step() == 20
    assert rig.office.quotes == Quotes()
    await rig.step(20)
    assert rig.asked == 1
    assert rig.office.quotes is not None
    assert rig.office.quotes.rates["listed"] == {"listed": FAR}


async def test_routers_are_told_once_and_every_change_is_kept_once() -> None:
    rig = Rig()
    await rig.step()
    await rig.step(100)
    assert rig.asked == 2
    assert len(rig.kept) == 1
    told = rig.office.add_news(NO_NEWS, report("")).prices
    assert told is not None
    assert rig.office.add_news(NO_NEWS, report(told.version)) == NO_NEWS
    rig.document = table(3e-9)
    await rig.step(100)
    assert len(rig.kept) == 2
    assert rig.office.add_news(NO_NEWS, report(told.version)).prices == rig.office.quotes


async def test_a_router_prices_by_what_it_is_told_and_price_versions_say_the_same() -> None:
    rig = Rig()
    await rig.step()
    quotes, installed = rig.office.quotes, list[Catalogue]()
    assert quotes is not None
    config = ActiveConfig("127.0.0.1", Secrets({}, "n"), 0, installed.append)
    config.set_quotes(quotes)
    config.adopt(settings())
    targets: dict[str, Target] = {
        target.name: target for route in installed[-1].models.values() for target in route.targets
    }
    used = Usage(100, 10, cache_read_tokens=50)
    costs = {name: cost_of(used, target, "1") for name, target in targets.items()}
    assert costs == {"listed": 95, "absent": None, "own": 990, "any": 95}
    assert cost_of(used, targets["any"], "unheard-of") is None
    assert installed[-1].fixed_endpoints["listed"]
    kept = read_prices(settings(), quotes)
    assert kept["listed"].cost_nusd(100, 10, 50) == 95
    assert kept["own"].cost_nusd(100, 10, 50) == 990
    assert kept["absent"].cost_nusd(100, 10, 50) is None


@pytest.mark.parametrize(
    "wrong",
    [{}, {"file": "a", "url": "https://b.example"}, {"url": "ftp://x"}, {"file": "a", "refresh_s": 10, "ttl_s": 9}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"prices|URL|file or url"):
        PricesSettings.model_validate(wrong)


def report(have_prices: str) -> RouterReport:
    return RouterReport("r", "n", 0, "f", None, "", 0, (), have_prices=have_prices)
