"""Keeps a router and Control in step: reports what the router does, takes what an administrator changed."""

import asyncio
import logging
import math
from collections.abc import Sequence

import msgspec
from pydantic import ValidationError

from turnout.models.errors import TurnoutError
from turnout.router.directory import Directory
from turnout.router.execute.slots import Slots
from turnout.router.explain import Explanations
from turnout.router.gauges import group_by_target
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.share import EMPTY, FULL, NOTHING, WHOLE, Lease, Levels
from turnout.router.observe import Observer
from turnout.router.plan.breaker import HALF_OPEN, OPEN
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.serve.active_config import ActiveConfig
from turnout.serve.caching import Caching
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.control.client import ControlLink
from turnout.serve.control.report import Found, RouterReport, TargetReport, WatchAnswer
from turnout.serve.spooling import Spooling

RETRY_S = 0.2
ALONE_S = 5.0
"""A router that hasn't reached Control for so long since it began takes every limit for its own: without Control, rates don't shut it."""

_log = logging.getLogger("turnout.control_watch")


class ControlWatch:
    """One per router replica; `run` goes on until it's cancelled, and Control's absence changes nothing for callers."""

    def __init__(
        self,
        *,
        router: str,
        node: str,
        link: ControlLink,
        config: ActiveConfig,
        fleet: Fleet,
        slots: Slots,
        observer: Observer,
        directory: Directory,
        limiter: Limiter,
        spooling: Spooling,
        caching: Caching,
        explanations: Explanations,
    ) -> None:
        self._router = router
        self._node = node
        self._link = link
        self._config = config
        self._fleet = fleet
        self._slots = slots
        self._observer = observer
        self._directory = directory
        self._limiter = limiter
        self._spooling = spooling
        self._caching = caching
        self._explanations = explanations
        self._found: tuple[Found, ...] = ()
        self._given_up: Levels | None = None
        self._lease_until = math.inf
        self._lapse: asyncio.TimerHandle | None = None
        self._wants_config = True
        self._told = ""

    async def run(self) -> None:
        """Report and listen, for ever; each report renews this router's lease."""
        loop = asyncio.get_running_loop()
        alone_at = loop.time() + ALONE_S
        while True:
            asked_at = loop.time()
            report = self.report()
            try:
                answer = await self._link.watch(report)
            except TurnoutError as error:
                _log.debug("Control can't be reached: %s", error)
                if loop.time() >= alone_at and self._limiter.share == NOTHING and math.isinf(self._lease_until):
                    self._limiter.set_share(WHOLE, FULL)
                await asyncio.sleep(RETRY_S)
                continue
            if report.limit_levels is not None:
                self._given_up = None
            if report.accepted is not None:
                self._told = report.config
            self.take(answer)
            if answer.limit_lease is not None:
                self._keep_until(asked_at, answer.limit_lease)

    async def leave(self) -> None:
        """Give this router's share of all limits back, for those that stay."""
        levels = self._limiter.set_share(NOTHING, EMPTY)
        report = msgspec.structs.replace(self.report(), limit_share=NOTHING, limit_levels=levels)
        try:
            await self._link.watch(report)
        except TurnoutError as error:
            _log.debug("Control can't be told that this router leaves: %s", error)

    def report(self) -> RouterReport:
        """What this router does now. Its settings go along when Control asks for them or hasn't seen these."""
        config, now = self._config, asyncio.get_running_loop().time()
        tells = self._wants_config or config.fingerprint != self._told
        return RouterReport(
            router=self._router,
            node=self._node,
            have_version=config.overlay_version,
            config=config.fingerprint,
            accepted=config.accepted.model_dump_json().encode() if config.accepted is not None and tells else None,
            rejected=config.rejected or "",
            in_flight=self._observer.in_flight,
            targets=self._targets(),
            have_directory=self._directory.version,
            have_ledger=self._spooling.ledger,
            limit_share=self._limiter.share,
            limit_levels=self._given_up,
            limit_lease_s=max(0.0, self._lease_until - now),
            have_prices=config.quotes.version,
            found=self._found,
        )

    def take(self, answer: WatchAnswer) -> None:
        """Apply an overlay and what changed of the keys; take over the others' settings if there are none here."""
        if answer.ledger:
            self._spooling.follow(answer.ledger)
        self._wants_config = answer.wants_config
        self._found = tuple(Found(asked, self._explanations.find(asked)) for asked in answer.wants_decisions)
        if answer.accepted is not None and self._config.accepted is None:
            try:
                self._config.adopt(DynamicConfig.model_validate_json(answer.accepted))
            except ValidationError as error:
                _log.error("the settings that Control keeps can't be used here: %s", error)
        if answer.prices is not None:
            self._config.set_quotes(answer.prices)
        if answer.overlay is not None:
            self._caching.take(answer.overlay.purges)
            self._config.set_overlay(answer.overlay)
        if answer.limit_share is not None:
            self._given_up = self._limiter.set_share(answer.limit_share, answer.limit_levels) or self._given_up
        if answer.directory is not None:
            self._directory.take(answer.directory)

    def _keep_until(self, asked_at: float, lease: Lease) -> None:
        """Cut the share by ourselves when its lease ends: from then on another cluster may have it."""
        if self._lapse is not None:
            self._lapse.cancel()
        self._lease_until = asked_at + lease.for_s
        if lease.then < 1:
            self._lapse = asyncio.get_running_loop().call_at(self._lease_until, self._cut, lease.then)

    def _cut(self, factor: float) -> None:
        if self._limiter.share != NOTHING:
            self._given_up = self._limiter.set_share(self._limiter.share.scaled(factor), EMPTY) or self._given_up

    def _targets(self) -> tuple[TargetReport, ...]:
        by_target = group_by_target(self._fleet.all_candidates())
        waiting = self._slots.waiting()
        catalogue = self._fleet.catalogue
        lines: dict[str, int] = {}
        for route in catalogue.models.values():
            for target in route.targets:
                lines[target.name] = lines.get(target.name, 0) + waiting.get(route.name, 0)
        now = asyncio.get_running_loop().time()
        return tuple(
            describe_target(name, by_target.get(name, ()), now, waiting=count, is_drained=name in catalogue.drained)
            for name, count in lines.items()
        )


def describe_target(
    name: str, candidates: Sequence[Candidate], now: float, *, waiting: int, is_drained: bool
) -> TargetReport:
    """What a router says of one target, from its endpoints at `now` (loop time)."""
    resting = [why for candidate in candidates if (why := candidate.why_resting(now)) is not None]
    breaker = candidates[0].breaker if candidates else None
    breaker_state = "" if breaker is None else breaker.state(now)
    if is_drained:
        state = "drained"
    elif not candidates:
        state = "empty"
    elif breaker_state in (OPEN, HALF_OPEN):
        state = breaker_state
    elif len(resting) < len(candidates):
        state = "ready"
    else:
        state = "ejected" if set(resting) == {"ejected"} else "resting"
    in_flight = sum(candidate.in_flight for candidate in candidates)
    return TargetReport(name, state, len(candidates), in_flight, waiting, breaker_state, len(resting))
