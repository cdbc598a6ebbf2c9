"""Control and the provider deployment in a real Serve: found by discovery, killed, and found again with everything they had acknowledged."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from ray import serve

from tests.ray_cluster import ray_cluster  # noqa: F401
from tests.stores import Place, PostgresPlace
from turnout.models.exchange import JSON_HEADERS, Out, RequestHead
from turnout.models.http.collect import call
from turnout.models.http.upstream import HttpUpstream
from turnout.models.ledger import Journal, LedgerEntry
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest
from turnout.serve.apps import control, provider
from turnout.serve.config.arguments import ControlArgs, ProviderArgs
from turnout.serve.config.secret import THIS_MACHINE, Secrets
from turnout.serve.config.store import StoreSettings
from turnout.serve.control.client import ControlLink
from turnout.serve.control.opening import find_database
from turnout.serve.control.proof.checkpoint import try_read_line
from turnout.serve.control.proof.files import get_public_key, read_lines
from turnout.serve.control.proof.verify import verify_store
from turnout.serve.control.report import RouterReport
from turnout.serve.control.state_dir import LOCK_FILE
from turnout.serve.discovery import Discovery
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster"), pytest.mark.timeout(180)]


class Found:
    """The endpoints of one pool, as discovery tells them."""

    def __init__(self, pool: str) -> None:
        self.endpoints: tuple[Endpoint, ...] = ()
        self._changed = asyncio.Event()
        self._discovery = Discovery(self._take)
        self._discovery.follow({pool})

    def _take(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        del pool
        self.endpoints = endpoints
        self._changed.set()

    async def one_other_than(self, endpoint: Endpoint | None) -> Endpoint:
        async with asyncio.timeout(60):
            while not self.endpoints or self.endpoints[0] == endpoint:
                self._changed.clear()
                await self._changed.wait()
        return self.endpoints[0]

    async def close(self) -> None:
        await self._discovery.close()


@pytest.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream()
    yield upstream
    await upstream.close()


async def deploy(app: serve.Application, name: str) -> None:
    await asyncio.to_thread(serve.run, app, name=name, route_prefix=None)


def settings_of(place: Place, folder: Path) -> StoreSettings:
    """A server's URL is handed to Control as a file."""
    if not isinstance(place, PostgresPlace):
        return StoreSettings()
    (folder / "url").write_text(place.url)
    return StoreSettings(kind="postgres", url=f"file:{folder}/url")


def entry(request_id: str) -> LedgerEntry:
    return LedgerEntry(request_id, 1, 1, "t", "k", "m", "here", "e", 200, "", 1, 2, 0, 0, "provider", 5, None, 3, False)


async def test_control_killed_comes_back_with_what_it_acknowledged(
    upstream: HttpUpstream, place: Place, tmp_path: Path, free_port: int
) -> None:
    found, link = Found("control"), ControlLink(upstream)
    store = settings_of(place, tmp_path)
    args = ControlArgs(state_dir=tmp_path, store=store, admin_port=free_port, host="127.0.0.1", num_cpus=0.1)
    try:
        await deploy(control(args), "control")
        first = await found.one_other_than(None)
        link.set_endpoint(first)
        await link.post_journal(Journal((entry("r1"),), ()))
        answer = await link.watch(RouterReport("router-1", "n", -1, "", None, "", 0, ()))
        assert answer.overlay is not None

        os.kill(int((tmp_path / LOCK_FILE).read_text()), signal.SIGKILL)
        link.set_endpoint(await found.one_other_than(first))
        await link.post_journal(Journal((entry("r1"), entry("r2")), ()))
        key = (tmp_path / "admin.key").read_text().strip()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}") as client:
            assert (await client.get("/admin/ledger")).status_code == 401
            rows = (await client.get("/admin/ledger", headers={"authorization": f"Bearer {key}"})).json()["rows"]
        assert [row["request_id"] for row in rows] == ["r1", "r2"]
    finally:
        await found.close()
        await asyncio.to_thread(serve.delete, "control")
    database = find_database(store, tmp_path, Secrets({}, THIS_MACHINE))
    verdict = await asyncio.to_thread(verify_store, database, tmp_path, get_public_key(tmp_path))
    assert verdict.flaws == ()
    assert [try_read_line(line).reason for line in read_lines(tmp_path)] == ["start", "start", "stop"]


async def test_a_provider_deployment_is_reached_like_an_engine_and_adds_the_credentials(
    upstream: HttpUpstream, tmp_path: Path
) -> None:
    seen: list[RequestHead] = []

    async def remote(head: RequestHead, body: bytes, out: Out) -> None:
        seen.append(head)
        out.full(200, JSON_HEADERS, body)

    (tmp_path / "key").write_text("sk-far\n")
    found = Found("far")
    async with Edge(remote, EdgeConfig("127.0.0.1", 0)) as edge:
        try:
            args = ProviderArgs(
                base_url=f"http://127.0.0.1:{edge.port}/api/v1",
                api_key=f"file:{tmp_path}/key",
                host="127.0.0.1",
                drain_s=1,
            )
            await deploy(provider(args), "far")
            request = UpstreamRequest("/chat/completions", b'{"model":"big-1"}', is_stream=False)
            answer = await call(upstream, await found.one_other_than(None), request, 10)
        finally:
            await found.close()
            await asyncio.to_thread(serve.delete, "far")
    assert (answer.status, answer.body) == (200, b'{"model":"big-1"}')
    assert seen[0].path == b"/api/v1/chat/completions"
    assert seen[0].headers[b"authorization"] == b"Bearer sk-far"
    assert b"x-turnout-secret" not in seen[0].headers
