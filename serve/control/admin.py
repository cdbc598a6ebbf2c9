"""`/admin/*`: what an administrator may see and change. FastAPI, so that the routes describe themselves at `/admin/openapi.json`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from turnout.models.errors import BadRequest, MethodNotAllowed, NotFound, TurnoutError
from turnout.serve.config.dynamic import DynamicConfig, ModelSettings, TargetSettings
from turnout.serve.config.overlay import Overlay
from turnout.serve.control.decisions.office import DecisionOffice
from turnout.serve.control.directory.routes import DirectoryRoutes
from turnout.serve.control.money.metrics import MetricsRoute
from turnout.serve.control.money.routes import BudgetRoutes
from turnout.serve.control.purging import add_purge_route
from turnout.serve.control.records import Records
from turnout.serve.control.roster import REACH_S, Member, Reach, Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.store import LedgerStore

After = Annotated[int, Query(ge=0, description="rows with a greater seq")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class TargetChange(BaseModel):
    """What to change of a target: what isn't there stays."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    weight: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="instead of the file's; null: the file's again"
    )
    drained: bool | None = Field(None, description="true: no new requests")


_ANSWERING = ("ready", "half_open")
"""States of a target in which it gets requests."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the admin routes work with."""

    ledger: LedgerStore
    book: SettingsBook
    roster: Roster
    clock: Callable[[], float]
    version: str
    directory: DirectoryRoutes | None = None
    budgets: BudgetRoutes | None = None
    records: Records | None = None
    metrics: MetricsRoute | None = None
    decisions: DecisionOffice | None = None


def make_admin_app(desk: Desk) -> FastAPI:
    """The routes. Who may use them at all is checked in front, by `require_actor`."""
    app = FastAPI(
        title="Turnout admin", version=desk.version, openapi_url="/admin/openapi.json", docs_url=None, redoc_url=None
    )
    app.add_exception_handler(TurnoutError, _tell_error)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)
    _add_views(app, desk)
    _add_changes(app, desk)
    if desk.decisions is not None:
        desk.decisions.add_to(app)
    add_purge_route(app, desk.book, desk.roster)
    _add_rows(app, desk)
    if desk.directory is not None:
        desk.directory.add_to(app)
    if desk.budgets is not None:
        desk.budgets.add_to(app)
    if desk.records is not None:
        desk.records.add_to(app)
    if desk.metrics is not None:
        desk.metrics.add_to(app)
    return app


def _add_views(app: FastAPI, desk: Desk) -> None:
    @app.get("/admin/status")
    async def show_status() -> dict[str, Any]:
        """Routers, settings and overlay in force, and the models that nothing can answer for at some router."""
        accepted, config, live = desk.book.accepted, desk.book.config, desk.roster.live()
        return {
            "version": desk.version,
            "config": {"fingerprint": accepted.fingerprint, "accepted_at_ns": accepted.at_ns} if accepted else None,
            "overlay": _show_overlay(desk.book.overlay),
            "routers": [_show_router(member, desk.clock()) for member in live],
            "models": [_show_model(model, config, live) for model in config.models] if config else [],
        }

    @app.get("/admin/targets")
    async def list_targets() -> list[dict[str, Any]]:
        """Every target of the accepted settings: as the file has it, as the overlay changes it, and as each router sees it."""
        return (
            [] if desk.book.config is None else _show_targets(desk.book.config, desk.book.overlay, desk.roster.live())
        )

    @app.get("/admin/config")
    async def show_config() -> dict[str, Any]:
        """The settings that routers accepted last (secrets are references), and the overlay on top of them."""
        config = desk.book.config
        return {
            "fingerprint": desk.book.accepted.fingerprint if desk.book.accepted else None,
            "config": config.model_dump(mode="json", exclude_unset=True) if config else None,
            "overlay": _show_overlay(desk.book.overlay),
        }


def _add_changes(app: FastAPI, desk: Desk) -> None:
    @app.put("/admin/targets/{name}")
    async def change_target(name: str, change: TargetChange) -> dict[str, Any]:
        """Change weight or drain; answered when every live router applies it, or its lease has ended."""
        wanted = change.model_dump(include=change.model_fields_set)
        if not wanted or ("drained" in wanted and wanted["drained"] is None):
            raise BadRequest("give weight (a number, or null for the file's), drained (true or false), or both")
        return await _reach(desk, await desk.book.change_target(name, wanted))

    @app.post("/admin/config/reset")
    async def reset() -> dict[str, Any]:
        """Drop every change made here: the file alone counts again."""
        return await _reach(desk, await desk.book.reset())


def _add_rows(app: FastAPI, desk: Desk) -> None:
    @app.get("/admin/ledger")
    async def list_ledger(after: After = 0, limit: Limit = 100) -> dict[str, Any]:
        """Attempts and what they cost, in the order they were written; `next_after` is the `after` of the next page."""
        rows = await desk.ledger.list_entries(after, limit)
        shown = [{"seq": row.seq, **msgspec.structs.asdict(row.entry)} for row in rows]
        return {"rows": shown, "next_after": rows[-1].seq if rows else after}

    @app.get("/admin/audit")
    async def list_audit(after: After = 0, limit: Limit = 100) -> dict[str, Any]:
        """What was decided or changed, in order; `prev_hash` chains the rows."""
        rows = await desk.ledger.list_events(after, limit)
        shown = [
            {"seq": row.seq, **msgspec.structs.asdict(row.event), "prev_hash": row.prev_hash.hex()} for row in rows
        ]
        return {"rows": shown, "next_after": rows[-1].seq if rows else after}

    @app.get("/admin/{path:path}", include_in_schema=False)
    async def refuse(path: str) -> None:
        raise NotFound(f"there is no /admin/{path}; /admin/openapi.json lists what there is")


async def _reach(desk: Desk, overlay: Overlay) -> dict[str, Any]:
    reach: Reach = await desk.roster.wait_for(overlay.version, REACH_S)
    return {
        "overlay": _show_overlay(overlay),
        "acknowledged": reach.acknowledged,
        "lease_ended": reach.lease_ended,
        "late": reach.late,
    }


def _show_overlay(overlay: Overlay) -> dict[str, Any]:
    return {"version": overlay.version, "weights": dict(overlay.weights), "drained": sorted(overlay.drained)}


def _show_router(member: Member, now: float) -> dict[str, Any]:
    report = member.report
    return {
        "router": report.router,
        "node": report.node,
        "lease_s": round(member.lease_until - now, 3),
        "overlay_version": report.have_version,
        "config": report.config or None,
        "rejected": report.rejected or None,
        "in_flight": report.in_flight,
        "targets": [msgspec.structs.asdict(target) for target in report.targets],
    }


def _show_model(model: ModelSettings, config: DynamicConfig, routers: Sequence[Member]) -> dict[str, Any]:
    """At which routers nothing of its own can answer now, and what callers get there instead."""
    names = {target.name for target in _list_targets(model, config)}
    down_at = [
        member.report.router
        for member in routers
        if not any(seen.name in names and seen.state in _ANSWERING for seen in member.report.targets)
    ]
    return {
        "name": model.name,
        "down_at": down_at,
        "fallbacks": list(model.fallbacks.any_error),
        "degrades": model.degrade.answer is not None,
    }


def _list_targets(model: ModelSettings, config: DynamicConfig) -> list[TargetSettings]:
    """What answers for a model: its own targets, or those of the models that its auto chooses among."""
    own = {model.name, *(model.auto.models if model.auto else ())}
    return list({target.name: target for each in config.models if each.name in own for target in each.targets}.values())


def _show_targets(config: DynamicConfig, overlay: Overlay, routers: list[Member]) -> list[dict[str, Any]]:
    models: dict[str, list[str]] = {}
    for model in config.models:
        for target in _list_targets(model, config):
            models.setdefault(target.name, []).append(model.name)
    settings = {target.name: target for model in config.models for target in model.targets}
    return [
        {
            "name": name,
            "models": models[name],
            "pool": target.pool,
            "provider": target.provider,
            "weight": overlay.weights.get(name, target.weight),
            "file_weight": target.weight,
            "drained": name in overlay.drained,
            "routers": {
                member.report.router: msgspec.structs.asdict(seen)
                for member in routers
                for seen in member.report.targets
                if seen.name == name
            },
        }
        for name, target in settings.items()
    ]


async def _tell_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, TurnoutError)
    return Response(error.to_json(), error.status, media_type="application/json")


async def _tell_http(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: a route that isn't there, a method that it hasn't, a body that can't be read."""
    assert isinstance(error, HTTPException)
    kind = {404: NotFound, 405: MethodNotAllowed}.get(error.status_code, BadRequest)
    return await _tell_error(request, kind(f"{error.detail}; /admin/openapi.json lists what there is"))


async def _tell_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(
        f"{'.'.join(str(step) for step in each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    )
    return await _tell_error(request, BadRequest(told))
