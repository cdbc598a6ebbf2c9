"""How many attempts a request costs while things fail, and how many requests fail: simulated on a clock that jumps."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Iterator

import pytest

from tests.fakes import FakeClock, FakeOut, FakeUpstream, outcome
from tests.fakes_loop import run_jumping
from tests.fakes_servers import Cluster, FakeServers
from tests.gateways import ANSWER, CHAT, LOCAL, Rig
from turnout.models.exchange import Out
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.catalogue import Fallbacks, ModelRoute

A, B = Target("a", "up-a", "openai_compatible"), Target("b", "up-b", "openai_compatible")
LATENCY_S = 0.05


class LoopClock(FakeClock):
    """The time of the running loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_ns(self) -> int:
        return int(self.now() * 1e9)

    def sleep(self, seconds: float) -> Awaitable[None]:  # type: ignore[override]
        return asyncio.sleep(seconds)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A line of the log for each failure would be most of the time."""
    log = logging.getLogger("turnout.attempts")
    log.disabled = True
    yield
    log.disabled = False


class Flaky:
    """A server that fails a share of its requests, after a while."""

    def __init__(self, share: float, how: str, seed: int = 1) -> None:
        self.share, self.how = share, how
        self._chance = random.Random(seed)

    async def __call__(self, endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        if self._chance.random() >= self.share:
            await asyncio.sleep(LATENCY_S)
            out.full(200, ((b"content-type", b"application/json"),), ANSWER)
            return outcome(200, is_committed=True)
        if self.how == "refuse":
            return outcome(0, Failure.CONNECT, was_sent=False)
        if self.how == "hang":
            await asyncio.sleep(5.0)
            return outcome(0, Failure.FIRST_BYTE_TIMEOUT)
        await asyncio.sleep(LATENCY_S)
        return outcome(0, Failure.RESET) if self.how == "reset" else outcome(int(self.how))


def ask_all(
    upstream: FakeUpstream, cluster: Cluster, count: int, rate: float, **pools: tuple[str, ...]
) -> Counter[int]:
    """So many requests at random times, so many a second; their statuses."""
    statuses = Counter[int]()

    async def ask(rig: Rig) -> None:
        out: FakeOut = await rig.post(CHAT)
        statuses[out.status] += 1

    async def run() -> None:
        rig = Rig(upstream, cluster.to_catalogue(), pools, clock=LoopClock())
        chance = random.Random(3)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(ask(rig))
                await asyncio.sleep(chance.expovariate(rate))

    run_jumping(run())
    return statuses


STORMS = ["500", "503", "reset", "refuse", "hang", "429"]


@pytest.mark.parametrize("rate", [10, 200])
@pytest.mark.parametrize("how", STORMS)
def test_a_minute_in_which_every_target_fails_costs_at_most_a_fifth_more_attempts(how: str, rate: int) -> None:
    flaky = Flaky(1.0, how)
    servers = FakeServers(x=flaky, y=flaky, b=flaky)
    asked = ModelRoute("m", (LOCAL,), fallbacks=Fallbacks(any_error=("n",)))
    statuses = ask_all(servers, Cluster((asked, ModelRoute("n", (B,)))), 60 * rate, rate, pool=("x", "y"))
    assert 200 not in statuses
    assert len(servers.calls) <= 1.2 * 60 * rate


@pytest.mark.parametrize("rate", [10, 200])
@pytest.mark.parametrize("how", ["500", "refuse", "hang", "429"])
def test_with_a_third_failing_and_one_healthy_fallback_hardly_anybody_notices(how: str, rate: int) -> None:
    flaky = Flaky(0.3, how)
    servers = FakeServers(x=flaky, y=flaky, b=Flaky(0.0, how))
    asked = ModelRoute("m", (LOCAL,), fallbacks=Fallbacks(any_error=("n",)))
    cluster = Cluster((asked, ModelRoute("n", (B,))))
    statuses = ask_all(servers, cluster, 10_000, rate, pool=("x", "y"))
    assert statuses[200] / statuses.total() >= 0.9995, statuses
    # A rate limit doesn't open a breaker: with two keys, each limited at random, some requests pay for both before they fall back.
    assert len(servers.calls) / statuses.total() <= (1.3 if how == "429" else 1.2)
