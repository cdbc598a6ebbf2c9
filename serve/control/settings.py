"""The overlay and the accepted settings: changed by the administrator and by routers, followed by routers."""

import asyncio
import json
from collections.abc import Callable, Mapping

import msgspec
from pydantic import ValidationError

from turnout.models.errors import BadRequest, NotFound
from turnout.models.ledger import AuditEvent
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.problem import suggest
from turnout.serve.control.bell import Bell
from turnout.serve.control.store import Accepted, SettingsStore

ADMIN = "admin"


class SettingsBook:
    """
    Owner of both documents, on one event loop: what's in memory is what's on disk.

    Changes are made one after the other, so that two at once don't lose one.
    """

    def __init__(
        self, store: SettingsStore, overlay: Overlay, accepted: Accepted | None, wall_ns: Callable[[], int], bell: Bell
    ) -> None:
        """`open` reads overlay and accepted settings from the store."""
        self._store = store
        self._wall_ns = wall_ns
        self._changing = asyncio.Lock()
        self._bell = bell
        self.overlay = overlay
        self.accepted = accepted
        self.config = None if accepted is None else try_parse(accepted.document)

    def __repr__(self) -> str:
        return f"SettingsBook(overlay={self.overlay.version}, config={self.accepted.fingerprint if self.accepted else None})"

    @classmethod
    async def open(cls, store: SettingsStore, wall_ns: Callable[[], int], bell: Bell) -> "SettingsBook":
        """Reads both documents; `bell` is rung when one of them has changed."""
        return cls(store, await store.get_overlay(), await store.find_accepted(), wall_ns, bell)

    async def change_target(self, name: str, change: Mapping[str, float | bool | None]) -> Overlay:
        """
        Change one target's `weight` (None: the file's again) or `drained`, whichever `change` has.

        Raises:
            NotFound: the accepted settings have no such target.
        """
        self._check_target(name)
        async with self._changing:
            weights, drained = dict(self.overlay.weights), set(self.overlay.drained)
            if "weight" in change:
                weights.pop(name, None)
                if change["weight"] is not None:
                    weights[name] = float(change["weight"])
            if "drained" in change:
                (drained.add if change["drained"] else drained.discard)(name)
            overlay = Overlay(self.overlay.version + 1, weights, frozenset(drained), self.overlay.purges)
            await self._put_overlay(overlay, "target.change", name, json.dumps({**change, "version": overlay.version}))
            return overlay

    async def reset(self) -> Overlay:
        """Drop the overlay: the file alone counts again."""
        async with self._changing:
            overlay = Overlay(self.overlay.version + 1, purges=self.overlay.purges)
            before = json.dumps(
                {"dropped": msgspec.to_builtins(self.overlay), "version": overlay.version}, sort_keys=True
            )
            await self._put_overlay(overlay, "config.reset", "overlay", before)
            return overlay

    async def purge(self, slots: Mapping[int, str]) -> Overlay:
        """
        Have routers forget the answers of these slots of their epoch pages.

        Args:
            slots: with what each stands for, for the audit log.
        """
        async with self._changing:
            # Later than all before, whatever the clock says.
            at_ns = max(self._wall_ns(), 1 + max(self.overlay.purges.values(), default=0))
            purges = {**self.overlay.purges, **dict.fromkeys(slots, at_ns)}
            overlay = msgspec.structs.replace(self.overlay, version=self.overlay.version + 1, purges=purges)
            detail = json.dumps({"purged": sorted(slots.values()), "version": overlay.version})
            await self._put_overlay(overlay, "cache.purge", "cache", detail)
            return overlay

    async def accept(self, document: bytes, router: str) -> None:
        """
        Keep what a router accepted, for new replicas that can't use what their file says.

        Raises:
            BadRequest: it isn't the Router's settings.
        """
        config = try_parse(document)
        if config is None:
            raise BadRequest("the accepted settings aren't settings that this version of Control knows", "accepted")
        fingerprint = config.fingerprint()
        if self.accepted is not None and self.accepted.fingerprint == fingerprint:
            return
        async with self._changing:
            now = self._wall_ns()
            accepted = Accepted(fingerprint, now, document)
            await self._store.put_accepted(accepted, AuditEvent(now, router, "config.accept", fingerprint, "{}"))
            self.accepted, self.config = accepted, config
            self._bell.ring()

    async def _put_overlay(self, overlay: Overlay, action: str, subject: str, detail: str) -> None:
        await self._store.put_overlay(overlay, AuditEvent(self._wall_ns(), ADMIN, action, subject, detail))
        self.overlay = overlay
        self._bell.ring()

    def _check_target(self, name: str) -> None:
        if self.config is None:
            raise NotFound("no router has reported its settings yet, so no target is known; try again soon")
        names = sorted({target.name for model in self.config.models for target in model.targets})
        if name not in names:
            raise NotFound(f"there is no target {name!r}; {suggest(name, names)}")


def try_parse(document: bytes) -> DynamicConfig | None:
    """The settings, or None if this version can't read them (an older or newer one may have written them)."""
    try:
        return DynamicConfig.model_validate_json(document)
    except ValidationError:
        return None
