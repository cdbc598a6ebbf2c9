"""What a router does with its share of limits, by what Control says or because it says nothing."""

import asyncio
from typing import Protocol

from tests.fakes import FakePost, FakeSink, FakeUpstream, answers
from tests.fakes_loop import run_jumping
from tests.gateways import ANSWER, Rig
from tests.unit.router.limit.calls import Counts
from turnout.models.errors import NoTarget
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.share import FULL, NOTHING, WHOLE, Share
from turnout.router.outbox import Outbox
from turnout.serve.active_config import ActiveConfig
from turnout.serve.caching import Caching
from turnout.serve.config.cache import CacheStoreSettings
from turnout.serve.config.secret import Secrets
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control_watch import ALONE_S, ControlWatch
from turnout.serve.spooling import Spooling

HALF = WHOLE.piece(0, 2)


class Link(Protocol):
    """The part of a ControlLink that a watch uses."""

    async def watch(self, report: RouterReport) -> WatchAnswer: ...


class FakeLink:
    """Control's side: these answers, one a report, and none after them."""

    def __init__(self, *replies: WatchAnswer) -> None:
        self.replies = list(replies)
        self.reports: list[RouterReport] = []

    async def watch(self, report: RouterReport) -> WatchAnswer:
        self.reports.append(report)
        if not self.replies:
            raise NoTarget("Control has no address now.")
        return self.replies.pop(0)


def answer(share: Share | None) -> WatchAnswer:
    return WatchAnswer(None, None, False, limit_share=share, limit_levels=FULL)


def make_watch(link: "Link", limiter: Limiter, router: str = "r") -> ControlWatch:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    return ControlWatch(
        router=router,
        node="n",
        link=link,  # type: ignore[arg-type]
        config=ActiveConfig("127.0.0.1", Secrets({}, "n"), 0, lambda catalogue: None),
        fleet=rig.fleet,
        slots=rig.slots,
        observer=rig.observer,
        directory=rig.directory,
        limiter=limiter,
        spooling=Spooling(None, "r", Outbox(FakePost()), FakePost()),
        caching=Caching(CacheStoreSettings(), FakeSink()),
        explanations=rig.explanations,
    )


def run_for(seconds: float, *replies: WatchAnswer) -> tuple[Limiter, FakeLink]:
    async def run() -> tuple[Limiter, FakeLink]:
        link, limiter = FakeLink(*replies), Limiter(Counts(), asyncio.get_running_loop().time, NOTHING)
        task = asyncio.ensure_future(make_watch(link, limiter).run())
        await asyncio.sleep(seconds)
        task.cancel()
        return limiter, link

    return run_jumping(run())


def test_a_share_is_taken_acknowledged_and_kept_without_control() -> None:
    limiter, link = run_for(60, answer(WHOLE), answer(HALF), answer(None))
    assert limiter.share == HALF
    told = [report.limit_share for report in link.reports[:4]]
    assert told == [NOTHING, WHOLE, HALF, HALF]
    assert [report.limit_levels is not None for report in link.reports[:4]] == [False, False, True, False]


def test_a_router_that_never_reaches_control_takes_limits_for_its_own_after_a_while() -> None:
    assert run_for(ALONE_S - 0.5)[0].share == NOTHING
    assert run_for(ALONE_S + 0.5)[0].share == WHOLE


async def test_a_router_that_leaves_gives_its_share_back() -> None:
    link, limiter = FakeLink(answer(None)), Limiter(Counts(), asyncio.get_running_loop().time)
    await make_watch(link, limiter).leave()
    (report,) = link.reports
    assert (report.limit_share, report.limit_levels) == (NOTHING, FULL)
    await make_watch(FakeLink(), limiter).leave()
