"""Keeps the price table that the settings name, and tells routers what their targets cost by it."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

import httpx
import msgspec

from turnout.models.catalog.rates import Quotes
from turnout.models.catalog.table import BadTable, PriceTable, parse_table
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.prices import PricesSettings
from turnout.serve.control.bell import Bell
from turnout.serve.control.committer import Committer
from turnout.serve.control.prices.fetch import fetch_table
from turnout.serve.control.prices.quoting import list_unpriced, quote
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.reports.prices import keep_version, read_prices
from turnout.serve.control.settings import SettingsBook

RETRY_S = 60.0
"""Until a table that couldn't be read is asked for again, unless it's asked for more often anyway."""
LONGEST_S = 3600.0

Fetch = Callable[[PricesSettings], Awaitable[bytes]]
Keep = Callable[[DynamicConfig, Quotes], Awaitable[None]]
"""Writes prices down that are in force from now on."""

_log = logging.getLogger("turnout.prices")


class PriceOffice:
    """
    Owner of the last good table; a NewsSource. It has to be started for prices to come.

    Attributes:
        quotes: what targets cost by it; None as long as that isn't known, and routers go on with what they have.
    """

    def __init__(
        self, book: SettingsBook, bell: Bell, wall_s: Callable[[], float], keep: Keep, fetch: Fetch = fetch_table
    ) -> None:
        """
        Args:
            book: has the accepted settings; `bell` is rung when they are others.
            bell: rung when prices are others, too.
            wall_s: unix time.
            keep: writes prices down that are in force from now on.
            fetch: gets a table's document.
        """
        self._book = book
        self._bell = bell
        self._wall_s = wall_s
        self._keep = keep
        self._fetch = fetch
        self._settings: PricesSettings | None = None
        self._table: PriceTable | None = None
        self._good_at_s = self._due_at_s = 0.0
        self._quoted: DynamicConfig | None = None
        self._task: asyncio.Task[None] | None = None
        self.quotes: Quotes | None = None

    def __repr__(self) -> str:
        return f"PriceOffice({self._table!r}, quotes={self.quotes.version if self.quotes else None!r})"

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """See `NewsSource`."""
        if self.quotes is None or self.quotes.version == report.have_prices:
            return answer
        return msgspec.structs.replace(answer, prices=self.quotes)

    def start(self) -> None:
        """Begin to follow the settings and the clock, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self.run(), name="read prices")

    @property
    def is_running(self) -> bool:
        """Whether somebody follows them."""
        return self._task is not None and not self._task.done()

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Follow the settings and the clock, for ever."""
        while True:
            wait_s = await self.step()
            config = self._book.config
            await self._bell.wait_until(lambda: self._book.config is not config, wait_s)  # noqa: B023  # waited for here

    async def step(self) -> float:
        """Do what is due now; seconds until something is due again."""
        config, now = self._book.config, self._wall_s()
        if config is None:
            return LONGEST_S
        if config.prices != self._settings:
            self._settings, self._table = config.prices, None
            self._good_at_s, self._due_at_s = now, 0.0
        if self._settings is None:
            await self._tell(config, Quotes())
            return LONGEST_S
        if now >= self._due_at_s:
            await self._read(self._settings)
        return await self._quote(config, self._settings)

    async def _read(self, settings: PricesSettings) -> None:
        source = settings.file or settings.url
        try:
            self._table = await asyncio.to_thread(parse_table, await self._fetch(settings))
        except (BadTable, OSError, httpx.HTTPError, TimeoutError) as error:
            self._due_at_s = self._wall_s() + min(RETRY_S, settings.refresh_s)
            what = "the last good one holds" if self._table is not None else "there is none"
            _log.warning("price table %s can't be read (%s: %s); %s", source, type(error).__name__, error, what)
            return
        self._good_at_s = self._wall_s()
        self._due_at_s = self._good_at_s + settings.refresh_s
        _log.info("price table %s has %d models", source, len(self._table))

    async def _quote(self, config: DynamicConfig, settings: PricesSettings) -> float:
        now = self._wall_s()
        ends_at_s = self._good_at_s + settings.ttl_s
        if now >= ends_at_s:
            if self._table is not None or self.quotes is None:
                _log.warning("the price table is older than ttl_s (%g s): prices are unknown", settings.ttl_s)
            self._table = None
            await self._tell(config, Quotes())
            return max(0.1, self._due_at_s - now)
        changes_at_s = math.inf
        if self._table is not None:
            await self._tell(config, quote(config, self._table, now))
            changes_at_s = self._table.next_change_s(now)
        return min(LONGEST_S, max(0.1, min(self._due_at_s, ends_at_s, changes_at_s) - now))

    async def _tell(self, config: DynamicConfig, quotes: Quotes) -> None:
        """Routers and the price versions, if it's something else than before."""
        if self._quoted is config and self.quotes is not None and quotes.version == self.quotes.version:
            return
        unpriced = list_unpriced(config, quotes) if config.prices is not None else []
        if unpriced:
            _log.warning(
                "no price is known of %s: reports show none, and hard budgets refuse them", ", ".join(unpriced)
            )
        await self._keep(config, quotes)
        self._quoted, self.quotes = config, quotes
        self._bell.ring()


def keep_prices(committer: Committer, wall_ns: Callable[[], int]) -> Keep:
    """What writes prices into the store, as a version of their own if they are others than before."""

    async def keep(config: DynamicConfig, quotes: Quotes) -> None:
        prices = read_prices(config, quotes)
        await committer.write(lambda connection: keep_version(connection, prices, wall_ns()))

    return keep
