"""`/spend/*`: what was spent, to whoever may see it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response

from turnout.models.access import Actor
from turnout.models.errors import BadRequest
from turnout.serve.control.actor import Actors
from turnout.serve.control.reports.ask import GROUPS, Ask, Filters, read_groups, read_hour, read_moment, this_month
from turnout.serve.control.reports.csv import write_csv
from turnout.serve.control.reports.forecast import LOOK_BACK_DAYS, Forecast, forecast_month
from turnout.serve.control.reports.logs import LogRow, list_rows
from turnout.serve.control.reports.prices import list_versions
from turnout.serve.control.reports.reader import Reader
from turnout.serve.control.reports.report import Report, make_report
from turnout.serve.control.reports.scope import narrow, sees_all
from turnout.serve.control.reports.table import report_rows

Id = Annotated[str, Query(max_length=128)]
Moment = Annotated[
    str, Query(max_length=40, description="a day or a time, UTC unless it says, such as 2026-11-01T15:00")
]
Format = Annotated[Literal["json", "csv"], Query()]
AGES_NS = 2**62


@dataclass(frozen=True, slots=True)
class SpendRoutes:
    """
    Adds the routes to an app; each finds out who acts.

    Attributes:
        wall_ns: says what today is.
    """

    reader: Reader
    actors: Actors
    wall_ns: Callable[[], int]

    def add_to(self, app: FastAPI) -> None:
        """All of them."""
        acts = Annotated[Actor, Depends(self._find_actor)]
        self._add_report(app, acts)
        self._add_logs(app, acts)

        @app.get("/spend/prices", tags=["spend"])
        async def list_prices(actor: acts) -> list[dict[str, Any]]:
            """Every price version, the oldest first: pico-USD a token, nano-USD a GPU hour, from `at_ns` on."""
            del actor
            return [msgspec.to_builtins(version) for version in await self.reader.read(list_versions)]

    def _add_report(self, app: FastAPI, acts: Any) -> None:
        @app.get("/spend/report", tags=["spend"], response_model=None)
        async def show_report(
            actor: acts,
            filters: Annotated[Filters, Depends(_read_filters)],
            begin: Annotated[Moment, Query(alias="from")] = "",
            end: Annotated[Moment, Query(alias="to")] = "",
            group_by: Annotated[
                str, Query(max_length=128, description=f"any of {', '.join(GROUPS)}, with commas")
            ] = "",
            forecast: bool = False,
            format: Format = "json",  # noqa: A002  its name in the URL
        ) -> Response | dict[str, Any]:
            """Sums from `from` until before `to` (whole hours; this month unless said), grouped."""
            now = datetime.fromtimestamp(self.wall_ns() / 1e9, UTC)
            month = this_month(now)
            hours = (read_hour(begin, "from") if begin else month[0], read_hour(end, "to") if end else month[1])
            if hours[0] >= hours[1]:
                raise BadRequest("from isn't before to", "from")
            ask = Ask(*hours, read_groups(group_by), narrow(actor, filters))
            report = await self.reader.read(lambda connection: make_report(connection, ask))
            if not sees_all(actor):
                report.idle.clear()
            if format == "csv":
                return Response(write_csv(report_rows(report)), media_type="text/csv; charset=utf-8")
            shown: dict[str, Any] = msgspec.to_builtins(report)
            if forecast:
                shown["forecast"] = msgspec.to_builtins(await self._forecast(ask.filters, now))
            return shown

    def _add_logs(self, app: FastAPI, acts: Any) -> None:
        @app.get("/spend/logs", tags=["spend"], response_model=None)
        async def show_logs(
            actor: acts,
            filters: Annotated[Filters, Depends(_read_filters)],
            begin: Annotated[Moment, Query(alias="from")] = "",
            end: Annotated[Moment, Query(alias="to")] = "",
            after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
            limit: Annotated[int, Query(ge=1, le=1000)] = 100,
            format: Format = "json",  # noqa: A002
        ) -> Response | dict[str, Any]:
            """Attempts in the order they were written; `next_after` is the `after` of the next page, null after the last."""
            begins_ns, ends_ns = _read_ns(begin, "from", 0), _read_ns(end, "to", AGES_NS)
            allowed = narrow(actor, filters)
            rows = await self.reader.read(
                lambda connection: list_rows(connection, allowed, begins_ns, ends_ns, after, limit)
            )
            shown = [_show(row) for row in rows]
            if format == "csv":
                names = list(_show_names())
                return Response(
                    write_csv([names, *([each[name] for name in names] for each in shown)]),
                    media_type="text/csv; charset=utf-8",
                )
            return {"rows": shown, "next_after": rows[-1].seq if len(rows) == limit else None}

    async def _forecast(self, filters: Filters, now: datetime) -> Forecast:
        today = now.date()
        first = min(today.replace(day=1), today - timedelta(days=LOOK_BACK_DAYS))
        ask = Ask(_hour_of(first), _hour_of(today + timedelta(days=1)), ("day",), filters)
        report: Report = await self.reader.read(lambda connection: make_report(connection, ask))
        days = {date.fromisoformat(line.group["day"]): line.amounts.cost_nusd or 0 for line in report.lines}
        passed = (now - datetime(today.year, today.month, today.day, tzinfo=UTC)).total_seconds() / 86400
        return forecast_month(days, today, passed, min(days, default=None))

    async def _find_actor(self, request: Request) -> Actor:
        return self.actors.get(request.headers.get("authorization", "").encode("latin-1"))


def _read_filters(org: Id = "", team: Id = "", user: Id = "", key: Id = "", model: Id = "", target: Id = "") -> Filters:
    return Filters(org, team, user, key, model, target)


def _read_ns(text: str, name: str, default: int) -> int:
    if not text:
        return default
    return int((read_moment(text, name) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000


def _hour_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 24


def _show(row: LogRow) -> dict[str, Any]:
    entry = msgspec.structs.asdict(row.entry)
    del entry["budgets"]
    return {"seq": row.seq, **entry, "team": row.team, "user": row.user, "price_version": row.price_version}


def _show_names() -> list[str]:
    names = [name for name in LogRow.__annotations__["entry"].__struct_fields__ if name != "budgets"]
    return ["seq", *names, "team", "user", "price_version"]
