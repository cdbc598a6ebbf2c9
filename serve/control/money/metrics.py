"""Control's `/metrics`: budgets, alerts, leases and the ledger, as Prometheus text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from turnout.models.access import Budget
from turnout.serve.control.measured import MeasuredLedger
from turnout.serve.control.money.alerts import find_level
from turnout.serve.control.money.books import Leases
from turnout.serve.control.money.treasury import BudgetState, Treasury
from turnout.serve.metrics import write

MAX_BUDGETS = 500
"""That have series of their own: those of organisations before teams', users' and keys', and the older before the younger."""

_LEVELS = ("org", "team", "user", "key")
_NUSD = 1e9


@dataclass(frozen=True, slots=True)
class MetricsRoute:
    """
    Adds the route to an app. Who may look is checked in front of it: owners and viewers of all.

    Attributes:
        alerts: how many were told, by level and severity.
    """

    treasury: Treasury
    alerts: Mapping[tuple[str, str], int]
    ledger: MeasuredLedger

    def add_to(self, app: FastAPI) -> None:
        """The one route."""

        @app.get("/metrics", tags=["metrics"], response_class=Response)
        async def show_metrics() -> Response:
            """Numbers of budgets, alerts, leases and the ledger, for Prometheus."""
            budgets = self.treasury.list_budgets()
            states = await self.treasury.list_states(choose(budgets))
            leases = await self.treasury.count_leases()
            families = [
                GaugeMetricFamily("turnout_budgets", "Budgets that there are.", value=len(budgets)),
                *_write_budgets(states),
                *_write_leases(leases),
                _write_alerts(self.alerts),
                *_write_ledger(self.ledger),
            ]
            return Response(write(families), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def choose(budgets: Sequence[Budget]) -> list[Budget]:
    """Those that have series of their own."""
    return sorted(budgets, key=lambda budget: _LEVELS.index(find_level(budget.id)))[:MAX_BUDGETS]


def _write_budgets(states: Iterable[BudgetState]) -> Iterator[Metric]:
    rows = [
        (state.terms.id, state.terms.amount_nusd, state.spent_nusd, state.held_nusd, state.forecast_nusd)
        for state in states
    ]
    texts = (
        ("turnout_budget_amount_usd", "The most that may be spent in the window."),
        ("turnout_budget_spent_usd", "Spent in the window."),
        ("turnout_budget_held_usd", "Held by routers."),
        ("turnout_budget_forecast_usd", "Spent at the window's end if it goes on like this."),
    )
    for place, (name, text) in enumerate(texts, start=1):
        family = GaugeMetricFamily(name, text, labels=["budget"])
        for row in rows:
            amount_nusd = row[place]
            if amount_nusd is not None:
                family.add_metric([str(row[0])], int(amount_nusd) / _NUSD)
        yield family


def _write_leases(leases: Leases) -> Iterator[Metric]:
    yield GaugeMetricFamily("turnout_leases", "Parts of budgets that routers have.", value=leases.count)
    yield GaugeMetricFamily(
        "turnout_leases_held_usd", "Held by routers of all budgets.", value=leases.held_nusd / _NUSD
    )


def _write_alerts(alerts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(
        "turnout_budget_alerts", "Shares of budgets that were passed.", labels=["level", "severity"]
    )
    for labels, count in alerts.items():
        family.add_metric(labels, count)
    return family


def _write_ledger(ledger: MeasuredLedger) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "turnout_ledger_rows", "Attempts put on disk; one sent again counts again.", value=ledger.rows
    )
    yield CounterMetricFamily(
        "turnout_ledger_failures", "Journals of routers that the store didn't take.", value=ledger.failures
    )
    commits = HistogramMetricFamily("turnout_ledger_commit_seconds", "From a journal's arrival until it's on disk.")
    commits.add_metric([], *ledger.commit_s.cumulative())
    yield commits
