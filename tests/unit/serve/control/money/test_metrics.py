"""Control's `/metrics`: budgets by name, alerts by severity, leases, and how the ledger is doing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import FakeClock, ledger_row
from tests.unit.serve.control.directory.desks import Rig
from turnout.models.access import Budget
from turnout.models.errors import NoTarget
from turnout.models.ledger import Journal
from turnout.router.money.lease import Ask, Claim
from turnout.serve.config.secret import Secrets
from turnout.serve.control.directory.grantee import Kind
from turnout.serve.control.measured import MeasuredLedger
from turnout.serve.control.money.metrics import MAX_BUDGETS, MetricsRoute, choose
from turnout.serve.control.money.office import MoneyOffice
from turnout.serve.control.roster import Roster

Samples = dict[tuple[str, ...], float]
BUDGET = "team:search:total"


@dataclass
class Site:
    """A directory with one budget, its ledger, and what `/metrics` says."""

    rig: Rig
    office: MoneyOffice
    ledger: MeasuredLedger
    client: httpx.AsyncClient

    async def scrape(self) -> Samples:
        """Every sample by its name and label values."""
        answer = await self.client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = text_string_to_metric_families(answer.text)
        return {
            (sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples
        }


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    rig = await Rig.open(tmp_path / "control.sqlite", FakeClock(1_700_000_000.0))
    office = MoneyOffice.open(rig.store, rig.book, Roster(rig.clock.now), (), Secrets({}, "n1"))
    ledger = MeasuredLedger(rig.store, rig.clock.now)
    app = FastAPI()
    MetricsRoute(office.treasury, office.alerts_told, ledger).add_to(app)
    await rig.add(Kind.TEAM, team_id="search", max_budget="0.000001")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        yield Site(rig, office, ledger, client)
    office.close()
    await rig.close()


async def test_a_budget_is_shown_by_its_id_with_what_is_spent_and_held(site: Site) -> None:
    await site.office.treasury.renew(Ask("a", (Claim(BUDGET, 0, 500, 500, 0),)))
    await site.ledger.append(Journal((ledger_row("r1", 100, BUDGET),), (), "a"))
    found = await site.scrape()
    assert found["turnout_budgets",] == 1
    assert found["turnout_budget_amount_usd", BUDGET] == 1e-6
    assert found["turnout_budget_spent_usd", BUDGET] == pytest.approx(1e-7)
    assert found["turnout_budget_held_usd", BUDGET] == pytest.approx(4e-7)
    assert (found["turnout_leases",], found["turnout_leases_held_usd",]) == (1, pytest.approx(4e-7))


async def test_alerts_are_counted_by_level_and_severity(site: Site) -> None:
    await site.ledger.append(Journal((ledger_row("r1", 850, BUDGET),), (), "a"))
    await site.ledger.append(Journal((ledger_row("r2", 200, BUDGET),), (), "a"))
    found = await site.scrape()
    told = {key[1:]: value for key, value in found.items() if key[0] == "turnout_budget_alerts_total"}
    assert told == {("team", "warning"): 1, ("team", "critical"): 1}


async def test_rows_and_commits_are_counted_once_they_are_on_disk(site: Site) -> None:
    rows = (ledger_row("r1", 1), ledger_row("r2", 1))
    await site.ledger.append(Journal(rows, (), "a"))
    await site.rig.store.close()
    with pytest.raises(NoTarget):
        await site.ledger.append(Journal(rows, (), "a"))
    assert (site.ledger.rows, site.ledger.failures) == (2, 1)
    assert site.ledger.commit_s.cumulative()[0][-1] == ("+Inf", 1)


async def test_the_ledgers_numbers_are_in_the_text(site: Site) -> None:
    await site.ledger.append(Journal((ledger_row("r1", 1),), (), "a"))
    found = await site.scrape()
    assert (found["turnout_ledger_rows_total",], found["turnout_ledger_failures_total",]) == (1, 0)
    assert found["turnout_ledger_commit_seconds_count",] == 1


def test_of_very_many_budgets_those_of_organisations_and_teams_are_shown() -> None:
    keys = [Budget(f"key:k-{number}:total", 1) for number in range(MAX_BUDGETS)]
    chosen = choose([*keys, Budget("team:search:total", 1), Budget("org:acme:total", 1)])
    assert [budget.id for budget in chosen[:3]] == ["org:acme:total", "team:search:total", "key:k-0:total"]
    assert len(chosen) == MAX_BUDGETS
