"""Control's admin routes put together as its deployment does, on a store of their own, with somebody of every role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.fakes import FakeClock
from tests.unit.serve.control.directory.desks import ADMIN_KEY, Rig
from turnout.models.exchange import Handler
from turnout.serve.config.secret import Secrets
from turnout.serve.control.actor import require_actor
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.decisions.office import DecisionOffice
from turnout.serve.control.directory.grantee import Kind
from turnout.serve.control.directory.routes import DirectoryRoutes
from turnout.serve.control.measured import MeasuredLedger
from turnout.serve.control.money.metrics import MetricsRoute
from turnout.serve.control.money.office import MoneyOffice
from turnout.serve.control.money.routes import BudgetRoutes
from turnout.serve.control.records import Records
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.edge.asgi import AsgiBridge

CONFIG = b'{"auth": {"open_on_loopback": true}, "models": [{"name": "m", "targets": [{"name": "t", "pool": "p"}]}]}'


@dataclass
class Room:
    """
    The admin routes, and keys to them.

    Attributes:
        door: what the listener answers by.
        keys: a bearer by who it is: `owner`, `viewer` (of all), `team_viewer`, `member`, `team_admin`, `tenant_admin`, `service`, `blocked`.
    """

    app: FastAPI
    door: Handler
    rig: Rig
    keys: dict[str, str]

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every route of the app, and of the description of itself."""
        found = [
            (method, route.path.replace("{name}", "t").replace("{path:path}", "nowhere"))
            for route in self.app.routes
            if isinstance(route, APIRoute)
            for method in sorted(route.methods)
        ]
        others = [route.path for route in self.app.routes if not isinstance(route, APIRoute)]
        return [*found, *(("GET", path) for path in others)]

    async def audit_rows(self) -> int:
        """How many changes and decisions there have been."""
        return len(await self.rig.events())


@asynccontextmanager
async def open_room(folder: Path) -> AsyncIterator[Room]:
    """A room for a block."""
    rig = await Rig.open(folder / "control.sqlite", FakeClock(1_700_000_000.0))
    book = await SettingsBook.open(rig.store, rig.clock.wall_ns, rig.bell)
    await book.accept(CONFIG, "router-1")
    roster = Roster(rig.clock.now)
    money = MoneyOffice.open(rig.store, rig.book, roster, (), Secrets({}, "n1"))
    records = await Records.open(rig.store, folder, roster, rig.actors, rig.clock.wall_ns)
    desk = Desk(
        rig.store,
        book,
        roster,
        rig.clock.now,
        "0.0.test",
        DirectoryRoutes(rig.desk, rig.actors, roster, book, rig.clock.wall_ns),
        BudgetRoutes(money.treasury, rig.actors, rig.book.find_owner),
        records,
        MetricsRoute(money.treasury, money.alerts_told, MeasuredLedger(rig.store, rig.clock.now)),
        DecisionOffice(rig.store.committer, book, roster, rig.bell, rig.clock.wall_ns),
    )
    assert None not in [getattr(desk, field.name) for field in fields(desk)], "give the new routes to this room too"
    app = make_admin_app(desk)
    try:
        yield Room(app, require_actor(AsgiBridge(app), rig.actors), rig, await make_keys(rig))
    finally:
        money.close()
        await records.close()
        await rig.close()


async def make_keys(rig: Rig) -> dict[str, str]:
    """One of each role."""
    await rig.add(Kind.ORGANIZATION, organization_id="acme")
    await rig.add(Kind.TEAM, team_id="search", organization_id="acme")
    users = {
        "viewer": {"user_role": "viewer"},
        "team_viewer": {"user_role": "viewer", "team_id": "search"},
        "member": {"user_role": "member", "team_id": "search"},
        "team_admin": {"user_role": "team_admin", "team_id": "search"},
        "tenant_admin": {"user_role": "admin", "organization_id": "acme"},
        "service": {"user_role": "service", "team_id": "search"},
        "blocked": {"user_role": "admin", "blocked": True},
    }
    keys = {"owner": ADMIN_KEY}
    for name, user in users.items():
        await rig.add(Kind.USER, user_id=name, **user)
        keys[name] = (await rig.key(user_id=name)).secret
    return keys
