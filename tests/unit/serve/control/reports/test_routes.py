"""What the admin routes show of spending and of the audit log, and to whom."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.stores import Place
from tests.unit.serve.control.reports.spending import KEYS, START_HOUR, accepted, entry, write_entries, write_keys
from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden, Unauthorized
from turnout.models.ledger import AuditEvent
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.records import Records
from turnout.serve.control.reports.ask import Filters
from turnout.serve.control.reports.fold import HOUR_NS
from turnout.serve.control.reports.scope import narrow, sees_all
from turnout.serve.control.roster import Roster

NOW_NS = (START_HOUR + 80) * HOUR_NS
ACTORS = {
    b"owner": Actor("admin", Role.ADMIN),
    b"red-admin": Actor("k9", Role.TEAM_ADMIN, "acme", "red", "ann"),
    b"bob": Actor("k8", Role.MEMBER, "acme", "blue", "bob"),
}


class FakeActors:
    def get(self, authorization: bytes) -> Actor:
        if authorization not in ACTORS:
            raise Unauthorized("who?")
        return ACTORS[authorization]


@pytest.fixture
async def client(place: Place, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = await place.open()
    await store.put_accepted(accepted(), AuditEvent(3, "router-1", "config.accept", "f", "{}"))
    await write_keys(store)
    await write_entries(
        store, [entry(n, key_id=key, tenant=KEYS[key][0], cost_nusd=10**9 * (n + 1)) for n, key in enumerate(KEYS)]
    )
    roster = Roster(lambda: 0.0)
    records = await Records.open(store, tmp_path, roster, FakeActors(), lambda: NOW_NS)  # type: ignore[arg-type]
    app: FastAPI = make_admin_app(Desk(store, None, roster, lambda: 0.0, "0", records=records))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://control", headers={"authorization": "owner"}
    ) as made:
        yield made
    await records.close()
    await store.close()


async def get(client: httpx.AsyncClient, path: str, who: str = "owner", **params: Any) -> Any:
    answer = await client.get(path, params=params, headers={"authorization": who})
    assert answer.status_code == 200, answer.text
    return answer.json()


ALL = {"from": "2025-01-01", "to": "2027-01-01"}


async def test_a_report_is_grouped_and_in_nano_usd(client: httpx.AsyncClient) -> None:
    report = await get(client, "/spend/report", group_by="team", **ALL)
    assert [(line["group"]["team"], line["amounts"]["cost_nusd"]) for line in report["lines"]] == [
        ("", 7 * 10**9),
        ("blue", 2 * 10**9),
        ("red", 10**9),
    ]
    assert report["total"]["cost_nusd"] == 10 * 10**9
    assert len(report["prices"]) == 1


async def test_a_report_as_csv_has_exact_usd_a_total_and_no_formulas(client: httpx.AsyncClient) -> None:
    answer = await client.get("/spend/report", params={"group_by": "key", "format": "csv", **ALL})
    head, *rows = csv.reader(answer.text.splitlines())
    costs = {row[0]: row[head.index("cost_usd")] for row in rows}
    assert costs == {
        "file": "4.000000000",
        "k3": "3.000000000",
        "k2": "2.000000000",
        "k1": "1.000000000",
        "(total)": "10.000000000",
    }


async def test_a_report_without_times_is_this_months_and_can_say_how_it_ends(client: httpx.AsyncClient) -> None:
    report = await get(client, "/spend/report", forecast=True)
    assert report["total"]["attempts"] == 4
    assert report["forecast"]["spent_nusd"] == 10 * 10**9
    assert report["forecast"]["method"] == "mean"


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"group_by": "teem"}, "team"),
        ({"from": "yesterday"}, "from is 'yesterday'"),
        ({"from": "2026-01-01T00:30"}, "whole hours"),
        ({"from": "2026-01-02", "to": "2026-01-02"}, "before"),
        ({"from": "0001-01-01T00:00+14:00"}, "between 1970"),
        ({"format": "xml"}, "format"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_a_hint(
    client: httpx.AsyncClient, params: dict[str, str], word: str
) -> None:
    answer = await client.get("/spend/report", params=params)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


async def test_logs_come_by_pages_with_their_price_version(client: httpx.AsyncClient) -> None:
    seen, after = [], 0
    while after is not None:
        page = await get(client, "/spend/logs", after=after, limit=3)
        seen += page["rows"]
        after = page["next_after"]
    assert [row["key_id"] for row in seen] == list(KEYS)
    assert [row["team"] for row in seen] == ["red", "blue", "", ""]
    assert len({row["price_version"] for row in seen}) == 1
    assert seen[0]["price_version"]


async def test_logs_are_filtered_by_owner_and_time(client: httpx.AsyncClient) -> None:
    assert [row["key_id"] for row in (await get(client, "/spend/logs", team="blue"))["rows"]] == ["k2"]
    assert (await get(client, "/spend/logs", **{"from": "2027-01-01"}))["rows"] == []
    answer = await client.get("/spend/logs", params={"format": "csv", "user": "ann"})
    assert len(answer.text.splitlines()) == 2


async def test_everybody_sees_only_what_is_theirs(client: httpx.AsyncClient) -> None:
    assert (await get(client, "/spend/report", "red-admin", **ALL))["total"]["attempts"] == 1
    assert [row["key_id"] for row in (await get(client, "/spend/logs", "bob"))["rows"]] == ["k2"]
    answer = await client.get("/spend/report", params={"team": "blue"}, headers={"authorization": "red-admin"})
    assert answer.status_code == 403
    assert (await client.get("/spend/report", headers={"authorization": "nobody"})).status_code == 401


async def test_the_audit_log_is_shown_signed_and_whole(client: httpx.AsyncClient) -> None:
    events = await get(client, "/audit/events")
    assert [row["action"] for row in events["rows"]] == ["config.accept"]
    assert events["next_after"] is None
    lines = await get(client, "/audit/checkpoints")
    assert len(lines["lines"]) == 1
    verdict = await get(client, "/audit/verify")
    assert (verdict["is_whole"], verdict["rows"], verdict["checkpoints"]) == (True, 1, 1)


async def test_the_routes_describe_themselves(client: httpx.AsyncClient) -> None:
    paths = (await get(client, "/admin/openapi.json"))["paths"]
    assert {
        "/spend/report",
        "/spend/logs",
        "/spend/prices",
        "/audit/events",
        "/audit/checkpoints",
        "/audit/verify",
    } <= paths.keys()


@pytest.mark.parametrize(
    ("actor", "filters"),
    [
        (Actor("a", Role.ADMIN), Filters()),
        (Actor("a", Role.VIEWER), Filters()),
        (Actor("a", Role.ADMIN, "acme", "red"), Filters(org="acme")),
        (Actor("a", Role.VIEWER, "acme"), Filters(org="acme")),
        (Actor("a", Role.VIEWER, "", "red"), Filters(team="red")),
        (Actor("a", Role.TEAM_ADMIN, "acme", "red", "ann"), Filters(org="acme", team="red")),
        (Actor("a", Role.MEMBER, "acme", "red", "ann"), Filters(user="ann")),
    ],
)
def test_an_actor_is_bound_to_its_own(actor: Actor, filters: Filters) -> None:
    assert narrow(actor, Filters()) == filters
    assert sees_all(actor) == (filters == Filters())


@pytest.mark.parametrize(
    "actor", [Actor("a", Role.MEMBER), Actor("a", Role.TEAM_ADMIN, "acme"), Actor("a", Role.SERVICE)]
)
def test_an_actor_that_belongs_nowhere_sees_nothing(actor: Actor) -> None:
    with pytest.raises(Forbidden):
        narrow(actor, Filters())


async def test_records_work_until_they_are_closed(place: Place, tmp_path: Path) -> None:
    store = await place.open()
    records = await Records.open(store, tmp_path, Roster(lambda: 0.0), FakeActors(), lambda: NOW_NS)  # type: ignore[arg-type]
    assert records.is_running
    await records.close()
    assert not records.is_running
    await store.close()
