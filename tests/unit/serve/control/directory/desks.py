"""A directory on a real store, for the directory's tests."""

import itertools
from pathlib import Path

from tests.fakes import FakeClock
from turnout.models.access import Actor, Principal
from turnout.models.ledger import AuditEvent
from turnout.serve.control.actor import OWNER, Actors
from turnout.serve.control.bell import Bell
from turnout.serve.control.directory.bodies import KeyGenerate, LevelBody, OrganizationNew, TeamNew, UserNew
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.desk import DirectoryDesk, Made, digest_key
from turnout.serve.control.directory.grantee import Grantee, Kind
from turnout.serve.control.directory.rows import DirectoryRows
from turnout.serve.control.sql_store import SqlStore
from turnout.serve.control.sqlite import SqliteStore

ADMIN_KEY = "ta-admin"
_BODIES = {Kind.ORGANIZATION: OrganizationNew, Kind.TEAM: TeamNew, Kind.USER: UserNew}


class Rig:
    """A desk, its book and its store; `close` it."""

    def __init__(self, store: SqlStore, book: DirectoryBook, bell: Bell, clock: FakeClock) -> None:
        self.store, self.book, self.bell, self.clock = store, book, bell, clock
        self._numbers = itertools.count(1)
        self.desk = DirectoryDesk(
            book, clock.wall_ns, lambda: f"secret-{next(self._numbers):032}", lambda: f"{next(self._numbers)}"
        )
        self.actors = Actors(ADMIN_KEY, book, clock.wall_ns)

    @classmethod
    async def open(cls, path: Path, clock: FakeClock | None = None) -> "Rig":
        return await cls.on(SqliteStore.open(path), clock)

    @classmethod
    async def on(cls, store: SqlStore, clock: FakeClock | None = None) -> "Rig":
        clock, bell = clock or FakeClock(1_700_000_000.0), Bell()
        return cls(store, await DirectoryBook.open(DirectoryRows(store.committer), clock.wall_ns, bell), bell, clock)

    async def close(self) -> None:
        await self.store.close()

    async def add(self, kind: Kind, actor: Actor = OWNER, **fields: object) -> Grantee:
        """An organisation, a team or a user."""
        body = _BODIES[kind].model_validate(fields)
        made, _ = await self.desk.create(actor, kind, body.parts(kind), self.revise(body))
        return made

    async def key(self, actor: Actor = OWNER, **fields: object) -> Made:
        """A key."""
        body = KeyGenerate.model_validate(fields)
        return await self.desk.generate(actor, body.parts(Kind.KEY), self.revise(body))

    def revise(self, body: LevelBody):  # type: ignore[no-untyped-def]
        return lambda grantee: body.revise(grantee, self.clock.at_s)

    def actor(self, made: Made) -> Actor:
        """Who acts with a key."""
        return self.actors.get(f"Bearer {made.secret}".encode())

    def principal(self, secret: str) -> Principal | None:
        """What routers would obey; None for a key that isn't."""
        key = self.book.find_key(digest_key(secret))
        return None if key is None else self.book.principal_of(key)

    async def events(self) -> list[AuditEvent]:
        return [row.event for row in await self.store.list_events(0, 1000)]
