"""The directory in Control's memory: changed by the desk, told to routers."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from turnout.models.access import Budget, Principal
from turnout.models.errors import NotFound
from turnout.models.ledger import AuditEvent
from turnout.serve.control.bell import Bell
from turnout.serve.control.directory.grantee import Change, Grantee, Kind, Secret
from turnout.serve.control.directory.news import News
from turnout.serve.control.directory.permit import word_of
from turnout.serve.control.directory.resolve import resolve
from turnout.serve.control.directory.rows import DirectoryStore, Kept
from turnout.serve.control.report import RouterReport, WatchAnswer

KEYS_A_TURN = 200
"""Principals put together before others get their turn of the loop: about 5 ms."""


class DirectoryBook:
    """
    Owner of the directory in memory, on one event loop: what's here is what's on disk.

    It holds all that isn't deleted: about 2 kB a key. Whoever changes it holds `changing` while deciding what to change.
    """

    def __init__(self, store: DirectoryStore, wall_ns: Callable[[], int], bell: Bell) -> None:
        """`open` fills it."""
        self._store = store
        self._wall_ns = wall_ns
        self._bell = bell
        self._grantees: dict[tuple[Kind, str], Grantee] = {}
        self._budgets: dict[str, Budget] = {}
        self._secrets: dict[bytes, Secret] = {}
        self._digests: dict[str, set[bytes]] = {}
        self._news = News(0)
        self.changing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"DirectoryBook(version={self.version}, grantees={len(self._grantees)}, secrets={len(self._secrets)})"

    @classmethod
    async def open(cls, store: DirectoryStore, wall_ns: Callable[[], int], bell: Bell) -> "DirectoryBook":
        """Reads what the store has; `bell` is rung after each change."""
        book = cls(store, wall_ns, bell)
        await book._take(await store.load())
        return book

    @property
    def version(self) -> int:
        """Grows with each change; unlike any version that another store has had."""
        return self._news.version

    def find(self, kind: Kind, grantee_id: str) -> Grantee | None:
        """One that isn't deleted."""
        return self._grantees.get((kind, grantee_id))

    def get(self, kind: Kind, grantee_id: str) -> Grantee:
        """One that isn't deleted. Raises NotFound."""
        found = self.find(kind, grantee_id)
        if found is None:
            raise NotFound(f"there is no {word_of(kind)} {grantee_id!r}", f"{word_of(kind)}_id")
        return found

    def list_all(self, kind: Kind) -> list[Grantee]:
        """All of a kind, the oldest first."""
        return [grantee for grantee in self._grantees.values() if grantee.kind is kind]

    def find_key(self, digest: bytes) -> Grantee | None:
        """Whose key has this digest, unless it was replaced and has ended."""
        secret = self._secrets.get(digest)
        if secret is None or (secret.ends_at_ns is not None and secret.ends_at_ns <= self._wall_ns()):
            return None
        return self.find(Kind.KEY, secret.key_id)

    def secrets_of(self, key_id: str) -> list[Secret]:
        """By what a key is known; the one in force among them."""
        return [self._secrets[digest] for digest in self._digests.get(key_id, ())]

    def levels(self, grantee: Grantee) -> list[Grantee]:
        """From the organisation down to itself, as it is given here."""
        above = (
            self.find(Kind.ORGANIZATION, grantee.tenant),
            self.find(Kind.TEAM, grantee.team),
            self.find(Kind.USER, grantee.user),
        )
        return [*(level for level in above if level is not None and level.ref != grantee.ref), grantee]

    def below(self, grantee: Grantee) -> list[Grantee]:
        """What belongs to it, at any depth."""
        match grantee.kind:
            case Kind.ORGANIZATION:
                found = [each for each in self._grantees.values() if each.tenant == grantee.id]
            case Kind.TEAM:
                found = [each for each in self._grantees.values() if each.team == grantee.id]
            case Kind.USER:
                found = [each for each in self._grantees.values() if each.user == grantee.id]
            case Kind.KEY:
                found = []
        return [each for each in found if each.ref != grantee.ref]

    def principal_of(self, grantee: Grantee, ends_at_s: float | None = None) -> Principal:
        """What follows for it from all levels."""
        key_id = grantee.id if grantee.kind is Kind.KEY else ""
        return resolve(self.levels(grantee), key_id, ends_at_s)

    def list_budgets(self) -> list[Budget]:
        """The definitions of all budgets. May be asked on any thread."""
        return list(self._budgets.values())

    def find_budget(self, budget_id: str) -> Budget | None:
        """The definition of a budget, by the id that principals have. May be asked on any thread."""
        return self._budgets.get(budget_id)

    def find_owner(self, budget_id: str) -> Grantee | None:
        """Whose budget it is, by the bucket that its id begins with; None where there's no such budget."""
        if budget_id not in self._budgets:
            return None
        kind, owner_id, *_ = budget_id.split(":")
        return self.find(Kind(kind), owner_id)

    async def is_taken(self, kind: Kind, grantee_id: str) -> bool:
        """Whether there is or was one of that id."""
        return await self._store.is_taken(kind, grantee_id)

    async def write(self, change: Change, event: AuditEvent) -> int:
        """Put a change on disk, then into force here; the version that has it. The caller holds `changing`."""
        assert self.changing.locked()
        version = max(self.version + 1, self._wall_ns() // 1_000_000)
        await self._store.write(change, version, event)
        affected = dict.fromkeys(each.id for grantee in change.grantees for each in self._keys_of(grantee))
        for grantee in change.grantees:
            self._put(grantee)
            affected |= dict.fromkeys(each.id for each in self._keys_of(grantee))
        gone = [digest for digest in change.ended if self._drop(digest)]
        for secret in change.secrets:
            self._keep(secret)
        self._news.add(version, await self._principals(affected), gone)
        self._bell.ring()
        return version

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """See `NewsSource`."""
        if report.have_directory == self.version:
            return answer
        return msgspec.structs.replace(answer, directory=self._news.since(report.have_directory))

    async def _take(self, kept: Kept) -> None:
        for grantee in sorted(kept.grantees, key=lambda grantee: grantee.created_at_ns):
            self._put(grantee)
        for secret in kept.secrets:
            self._keep(secret)
        self._news = News(kept.version, await self._principals(self._digests))

    def _put(self, grantee: Grantee) -> None:
        before = self._grantees.get(grantee.ref)
        budgets = {} if grantee.deleted_at_ns is not None else {budget.id: budget for budget in grantee.budgets}
        self._budgets.update(
            budgets
        )  # first, so that no budget is missing meanwhile for whoever asks on another thread
        for budget in before.budgets if before else ():
            if budget.id not in budgets:
                self._budgets.pop(budget.id, None)
        if grantee.deleted_at_ns is None:
            self._grantees[grantee.ref] = grantee
        else:
            self._grantees.pop(grantee.ref, None)

    def _keep(self, secret: Secret) -> None:
        self._secrets[secret.digest] = secret
        self._digests.setdefault(secret.key_id, set()).add(secret.digest)

    def _drop(self, digest: bytes) -> bool:
        secret = self._secrets.pop(digest, None)
        if secret is None:
            return False
        digests = self._digests[secret.key_id]
        digests.discard(digest)
        if not digests:
            del self._digests[secret.key_id]
        return True

    def _keys_of(self, grantee: Grantee) -> Iterable[Grantee]:
        return [each for each in (grantee, *self.below(grantee)) if each.kind is Kind.KEY]

    async def _principals(self, key_ids: Iterable[str]) -> dict[bytes, bytes]:
        """In msgpack, by digest."""
        made: dict[bytes, bytes] = {}
        for number, key_id in enumerate(key_ids, start=1):
            key = self.find(Kind.KEY, key_id)
            for secret in self.secrets_of(key_id) if key else ():
                ends_at_s = None if secret.ends_at_ns is None else secret.ends_at_ns / 1e9
                made[secret.digest] = msgspec.msgpack.encode(self.principal_of(key, ends_at_s))
            if number % KEYS_A_TURN == 0:
                await asyncio.sleep(0)
        return made
