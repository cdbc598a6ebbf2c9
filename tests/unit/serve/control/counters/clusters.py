"""Several clusters on one machine that keep limits together: real routers' watches, Controls that crash, wires that lose words."""

import asyncio
import contextlib
import itertools
import random
from dataclasses import dataclass, field

from tests.unit.router.limit.calls import Counts
from tests.unit.serve.test_watch_shares import make_watch
from turnout.models.errors import NoTarget
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.share import NOTHING
from turnout.serve.control.bell import Bell
from turnout.serve.control.counters.exchange import KEEP_S, Exchange
from turnout.serve.control.counters.in_memory import MemoryCounters
from turnout.serve.control.counters.store import CounterStore, Found
from turnout.serve.control.report import POLL_S, RouterReport, WatchAnswer
from turnout.serve.control.shares import Shares

NO_NEWS = WatchAnswer(None, None, False)
LOST = NoTarget("It was lost on the way.")


@dataclass
class Wire:
    """What is between two processes: words take their time, and some are lost, on the way there or back."""

    rng: random.Random
    loses: float = 0.0
    is_cut: bool = False

    async def go(self) -> None:
        await asyncio.sleep(self.rng.random() * 0.05)
        if self.is_cut or self.rng.random() < self.loses:
            raise LOST


@dataclass
class WiredStore:
    """A CounterStore at the end of a wire."""

    store: CounterStore
    wire: Wire

    async def read(self) -> Found:
        await self.wire.go()
        found = await self.store.read()
        await self.wire.go()
        return found

    async def try_write(self, version: bytes, text: bytes) -> bool:
        await self.wire.go()
        is_written = await self.store.try_write(version, text)
        await self.wire.go()
        return is_written


@dataclass
class Router:
    """
    A router's watch at the end of a wire to whichever Control its cluster has.

    Attributes:
        is_leased: whether it has heard of leases; before that it would take the whole when it's left alone.
    """

    name: str
    cluster: "Cluster"
    wire: Wire
    is_leased: bool = False

    def __post_init__(self) -> None:
        self.limiter = Limiter(Counts(), asyncio.get_running_loop().time, NOTHING)
        self.task = asyncio.ensure_future(make_watch(self, self.limiter, self.name).run())

    async def watch(self, report: RouterReport) -> WatchAnswer:
        """Control's side of a poll."""
        await self.wire.go()
        shares = self.cluster.get_shares()
        answer = shares.add_news(NO_NEWS, report)
        if answer == NO_NEWS:
            await asyncio.sleep(POLL_S)
            if shares is not self.cluster.shares:
                raise LOST
            answer = shares.add_news(NO_NEWS, report)
        await self.wire.go()
        self.is_leased |= answer.limit_lease is not None
        return answer


@dataclass
class Cluster:
    """A Control, which may be away, and its routers."""

    name: str
    store: WiredStore
    keeps: bool
    shares: Shares | None = None
    routers: list[Router] = field(default_factory=list)
    task: "asyncio.Future[None] | None" = None

    def start(self) -> None:
        """Start Control."""
        clock = asyncio.get_running_loop().time
        self.shares = Shares(clock, Bell(), has_whole=False)
        self.exchange = Exchange(self.name, self.store, self.shares, clock, keeps=self.keeps)
        self.task = asyncio.ensure_future(self.exchange.run())

    def crash(self) -> None:
        """End Control, and all that it knows."""
        assert self.task is not None
        self.task.cancel()
        self.shares = self.task = None

    def get_shares(self) -> Shares:
        if self.shares is None:
            raise LOST
        return self.shares


class World:
    """Some clusters with one store."""

    def __init__(self, rng: random.Random, *, clusters: int, routers: int, keeps: bool = False) -> None:
        self.rng = rng
        self.loop = asyncio.get_running_loop()
        self.memory = MemoryCounters(lambda: self.loop.time() + 1e9, KEEP_S)
        self.clusters = [Cluster(str(number), WiredStore(self.memory, Wire(rng)), keeps) for number in range(clusters)]
        self._numbers = itertools.count()
        for cluster in self.clusters:
            cluster.start()
            for _ in range(routers):
                self.add_router(cluster)

    @property
    def routers(self) -> list[Router]:
        return [router for cluster in self.clusters for router in cluster.routers]

    def add_router(self, cluster: Cluster) -> None:
        cluster.routers.append(Router(f"r{next(self._numbers)}", cluster, Wire(self.rng)))

    def kill_router(self, cluster: Cluster) -> None:
        cluster.routers.pop(self.rng.randrange(len(cluster.routers))).task.cancel()

    async def disturb(self, until: float) -> None:
        """Cut and lose what is between routers, Controls and the store; kill and start all of them; forget what is written."""
        acts = {
            self._cut_store: 3,
            self._cut_router: 3,
            self._lose: 2,
            self._restart: 3,
            self._replace: 4,
            self._forget: 1,
        }
        while self.loop.time() < until:
            await asyncio.sleep(self.rng.expovariate(0.15))
            (act,) = self.rng.choices(tuple(acts), tuple(acts.values()))
            act(self.rng.choice(self.clusters))

    def _cut_store(self, cluster: Cluster) -> None:
        self._cut(cluster.store.wire)

    def _cut_router(self, cluster: Cluster) -> None:
        router = self.rng.choice(cluster.routers)
        if router.is_leased:
            self._cut(router.wire)

    def _cut(self, wire: Wire) -> None:
        wire.is_cut = True
        self.loop.call_later(self.rng.expovariate(0.1), setattr, wire, "is_cut", False)

    def _lose(self, cluster: Cluster) -> None:
        for wire in (cluster.store.wire, *(router.wire for router in cluster.routers)):
            wire.loses = self.rng.choice((0.0, 0.1, 0.3))

    def _restart(self, cluster: Cluster) -> None:
        if cluster.shares is not None and all(router.is_leased for router in cluster.routers):
            cluster.crash()
            self.loop.call_later(self.rng.expovariate(0.2), cluster.start)

    def _replace(self, cluster: Cluster) -> None:
        if self.rng.random() < 0.5 and len(cluster.routers) > 1:
            self.kill_router(cluster)
        elif len(cluster.routers) < 3 and cluster.shares is not None:
            self.add_router(cluster)

    def _forget(self, cluster: Cluster) -> None:
        self.memory.forget()

    def parts(self) -> list[float]:
        """Of each cluster's routers together, to three decimals."""
        return [round(sum(router.limiter.share.part for router in cluster.routers), 3) for cluster in self.clusters]

    async def close(self) -> None:
        tasks = [
            task for task in (*(each.task for each in self.clusters), *(each.task for each in self.routers)) if task
        ]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
