"""Router and Control over a real listener and a real client."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.fakes import FakeUpstream, answers, refuses
from turnout.models.errors import BadRequest, NoTarget, UpstreamFailed
from turnout.models.http.collect import call
from turnout.models.http.upstream import HttpUpstream
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest
from turnout.router.directory import Directory
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.control.bell import Bell
from turnout.serve.control.client import ControlLink
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.grantee import Change, Grantee, Kind, Secret
from turnout.serve.control.directory.rows import DirectoryRows
from turnout.serve.control.internal import InternalRoutes
from turnout.serve.control.report import RouterReport
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge
from turnout.serve.edge.secret import SECRET_HEADER, require_secret

CONFIG = DynamicConfig.model_validate(
    {"auth": {"open_on_loopback": True}, "models": [{"name": "m", "targets": [{"name": "here", "pool": "pool"}]}]}
)
DOCUMENT = CONFIG.model_dump_json().encode()
ENTRY = LedgerEntry("r", 1, 1, "default", "k", "m", "here", "e", 200, "", 1, 2, 0, 0, "provider", None, None, 3, False)


def report(
    have_version: int = 0, config: str = CONFIG.fingerprint(), accepted: bytes | None = None, have_directory: int = 0
) -> RouterReport:
    return RouterReport("router-1", "node", have_version, config, accepted, "", 0, (), have_directory=have_directory)


@dataclass
class Rig:
    store: SqliteStore
    book: SettingsBook
    directory: DirectoryBook
    roster: Roster
    upstream: HttpUpstream
    endpoint: Endpoint
    link: ControlLink


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    store = SqliteStore.open(tmp_path / "control.sqlite")
    bell = Bell()
    book = await SettingsBook.open(store, lambda: 17, bell)
    roster = Roster(loop.time)
    directory = DirectoryBook(DirectoryRows(store.committer), lambda: 17, bell)
    routes = InternalRoutes(store, book, roster, bell, sources=[directory], poll_s=0.05)
    upstream = HttpUpstream()
    async with Edge(require_secret(routes, b"s3cret"), EdgeConfig("127.0.0.1", 0)) as edge:
        endpoint = Endpoint("control", edge.host, edge.port, base_path="/v1", headers=((SECRET_HEADER, b"s3cret"),))
        link = ControlLink(upstream)
        link.set_endpoint(endpoint)
        yield Rig(store, book, directory, roster, upstream, endpoint, link)
        await upstream.close()
    await store.close()


async def test_a_journal_is_on_disk_when_the_call_returns(rig: Rig) -> None:
    await rig.link.post_journal(Journal((ENTRY,), (AuditEvent(1, "a", "b", "c", "{}"),)))
    assert [row.entry for row in await rig.store.list_entries(0, 10)] == [ENTRY]
    assert len(await rig.store.list_events(0, 10)) == 1


async def test_a_report_without_news_is_answered_after_a_while_and_keeps_the_lease(rig: Rig) -> None:
    await rig.book.accept(DOCUMENT, "router-1")
    answer = await rig.link.watch(report())
    assert (answer.overlay, answer.accepted, answer.wants_config) == (None, None, False)
    assert [member.report.router for member in rig.roster.live()] == ["router-1"]


async def test_a_change_reaches_a_waiting_router_at_once_and_is_acknowledged_by_its_next_report(rig: Rig) -> None:
    await rig.book.accept(DOCUMENT, "router-1")
    rig.roster.renew(report())
    overlay = await rig.book.change_target("here", {"drained": True})
    reach = asyncio.create_task(rig.roster.wait_for(overlay.version, within_s=5))
    answer = await rig.link.watch(report())
    assert answer.overlay == overlay
    await rig.link.watch(report(have_version=overlay.version))
    assert (await reach).acknowledged == ("router-1",)


async def test_a_router_behind_or_ahead_of_the_store_gets_the_stores_overlay(rig: Rig) -> None:
    await rig.book.accept(DOCUMENT, "router-1")
    answer = await rig.link.watch(report(have_version=99))
    assert answer.overlay == rig.book.overlay


async def test_a_new_router_gets_ten_thousand_keys_and_then_only_what_changed(rig: Rig) -> None:
    await rig.book.accept(DOCUMENT, "router-1")
    keys = tuple(Grantee(Kind.KEY, f"k-{n}", "an alias", "acme") for n in range(10_000))
    secrets = tuple(Secret(n.to_bytes(32), f"k-{n}") for n in range(10_000))
    async with rig.directory.changing:
        await rig.directory.write(Change(keys, secrets), AuditEvent(1, "a", "b", "c", "{}"))
    router = Directory()
    everything = (await rig.link.watch(report(have_directory=router.version))).directory
    assert everything is not None
    router.take(everything)
    found = router.find((9999).to_bytes(32))
    assert found is not None
    assert found.key_id == "k-9999"
    async with rig.directory.changing:
        await rig.directory.write(Change(keys[:1], (), (secrets[0].digest,)), AuditEvent(2, "a", "b", "c", "{}"))
    change = (await rig.link.watch(report(have_directory=router.version))).directory
    assert change is not None
    assert (len(change.principals), change.gone) == (0, (secrets[0].digest,))


async def test_control_asks_for_settings_that_it_does_not_have_and_gives_them_to_routers_without(rig: Rig) -> None:
    assert (await rig.link.watch(report())).wants_config
    await rig.link.watch(report(accepted=DOCUMENT))
    assert rig.book.config == CONFIG
    answer = await rig.link.watch(report(config=""))
    assert answer.accepted is not None
    assert DynamicConfig.model_validate_json(answer.accepted) == CONFIG
    assert [row.event.action for row in await rig.store.list_events(0, 10)] == ["config.accept"]


async def test_what_is_no_journal_is_refused_for_good(rig: Rig) -> None:
    answer = await call(
        rig.upstream,
        Endpoint("c", rig.endpoint.host, rig.endpoint.port, headers=rig.endpoint.headers),
        UpstreamRequest("/internal/journal", b"\xc1", False),
        5,
    )
    assert answer.status == 400
    huge = msgspec.structs.replace(ENTRY, input_tokens=2**63)
    with pytest.raises(BadRequest):
        await rig.link.post_journal(Journal((huge,), ()))


async def test_whoever_does_not_know_the_secret_gets_nothing(rig: Rig) -> None:
    rig.link.set_endpoint(Endpoint("control", rig.endpoint.host, rig.endpoint.port))
    with pytest.raises(UpstreamFailed, match="401"):
        await rig.link.post_journal(Journal((ENTRY,), ()))
    assert await rig.store.list_entries(0, 10) == []


async def test_a_store_that_cannot_write_is_told_as_a_503(rig: Rig) -> None:
    await rig.store.close()
    with pytest.raises(NoTarget):
        await rig.link.post_journal(Journal((ENTRY,), ()))


async def test_without_an_address_calls_fail_at_once() -> None:
    link = ControlLink(FakeUpstream(answers(b"")))
    assert not link.is_connected
    with pytest.raises(NoTarget):
        await link.post_journal(Journal((), ()))


async def test_an_answer_that_makes_no_sense_is_the_upstreams_failure() -> None:
    for script in (answers(b"nonsense"), refuses(500)):
        link = ControlLink(FakeUpstream(script))
        link.set_endpoint(Endpoint("control", "127.0.0.1", 1))
        with pytest.raises(UpstreamFailed):
            await link.watch(report())
