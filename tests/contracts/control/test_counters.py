"""Two Controls in a real Serve, each for a cluster of its own, that share limits by a real Redis."""

import asyncio
import math
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from ray import serve

from tests.contracts.control.test_deployment import Found, deploy
from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.errors import NoTarget
from turnout.models.http.upstream import HttpUpstream
from turnout.router.idempotency.in_redis import RedisServer
from turnout.router.limit.share import EMPTY, NOTHING, Share
from turnout.serve.apps import control
from turnout.serve.config.arguments import ControlArgs
from turnout.serve.config.counters import CounterSettings
from turnout.serve.control.client import ControlLink
from turnout.serve.control.counters.exchange import KEEP_S, LEASE_S, Agreement
from turnout.serve.control.counters.in_redis import RedisCounters
from turnout.serve.control.counters.pot import Pot
from turnout.serve.control.report import RouterReport

URL = os.environ.get("TURNOUT_TEST_REDIS", "redis://127.0.0.1:6379/0")

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster"), pytest.mark.timeout(180)]


@pytest.fixture
async def prefix() -> AsyncIterator[str]:
    """Of a key that says that clusters have agreed before and all are gone, so that nobody waits for others to speak up."""
    server, prefix = RedisServer(URL), f"turnout-test-{secrets.token_hex(8)}"
    try:
        store = RedisCounters(server, prefix, KEEP_S)
        await store.try_write((await store.read()).version, msgspec.msgpack.encode(Agreement(Pot(), None)))
    except NoTarget:
        pytest.skip(f"no Redis at {URL}")
    yield prefix
    await server.call(b"DEL", f"{prefix}:limits".encode())
    await server.close()


class OneRouter:
    """A cluster's only router: takes what it's told, and acknowledges it."""

    def __init__(self, upstream: HttpUpstream, app: str) -> None:
        self.found, self.link = Found(app), ControlLink(upstream)
        self.share: Share = NOTHING
        self.lease_s = math.inf
        self._has_given_up = False

    async def poll(self) -> None:
        given_up = EMPTY if self._has_given_up else None
        report = RouterReport("r", "n", -1, "", None, "", 0, (), limit_share=self.share, limit_levels=given_up)
        answer = await self.link.watch(report)
        told = answer.limit_share or self.share
        self._has_given_up, self.share = told.part < self.share.part, told
        self.lease_s = answer.limit_lease.for_s if answer.limit_lease else self.lease_s


async def test_two_clusters_have_half_of_every_limit_each_and_one_alone_gets_all(
    prefix: str, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "url").write_text(URL)
    counters = CounterSettings(url=f"file:{tmp_path}/url", prefix=prefix, on_failure="refuse")
    upstream = HttpUpstream()
    routers = [OneRouter(upstream, app) for app in ("here", "there")]
    try:
        for number, (app, router) in enumerate(zip(("here", "there"), routers, strict=True)):
            args = ControlArgs(
                state_dir=tmp_path / app, admin_port=free_port + number, host="127.0.0.1", counters=counters
            )
            await deploy(control(args), app)
            router.link.set_endpoint(await router.found.one_other_than(None))
        await _poll_until(routers, [0.5, 0.5])
        assert all(0 < router.lease_s <= LEASE_S for router in routers)
        await asyncio.to_thread(serve.delete, "there")
        await _poll_until(routers[:1], [1.0])
    finally:
        for router in routers:
            await router.found.close()
        for app in ("here", "there"):
            await asyncio.to_thread(serve.delete, app)
        await upstream.close()


async def _poll_until(routers: list[OneRouter], parts: list[float]) -> None:
    async with asyncio.timeout(30):
        while [router.share.part for router in routers] != parts:
            for router in routers:
                await router.poll()
            assert sum(router.share.part for router in routers) <= 1
