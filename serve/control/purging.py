"""The admin route that makes routers forget answers that they keep."""

from typing import Annotated, Any, Self

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from turnout.router.cache.epochs import EVERYTHING, slot_of
from turnout.serve.control.roster import REACH_S, Roster
from turnout.serve.control.settings import SettingsBook

_Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=512)], ...], Field(max_length=256)]


class Purge(BaseModel):
    """What to forget: every answer that one of these names fits."""

    model_config = ConfigDict(extra="forbid")

    everything: bool = False
    tenants: _Names = ()
    models: _Names = ()
    namespaces: _Names = ()
    tags: _Names = ()
    keys: Annotated[_Names, Field(description="as answers have them in `x-turnout-cache-key`")] = ()
    dry_run: Annotated[bool, Field(description="say what would be purged, and purge nothing")] = False

    @model_validator(mode="after")
    def _check_something(self) -> Self:
        if not (self.everything or self.tenants or self.models or self.namespaces or self.tags or self.keys):
            raise ValueError("name something: everything, tenants, models, namespaces, tags or keys")
        return self

    def to_slots(self) -> dict[int, str]:
        """The slots of the epoch page, with what each stands for."""
        kinds = {
            "tenant": self.tenants,
            "model": self.models,
            "namespace": self.namespaces,
            "tag": self.tags,
            "key": self.keys,
        }
        slots = {slot_of(kind, name): f"{kind} {name}" for kind, names in kinds.items() for name in names}
        return {EVERYTHING: "everything", **slots} if self.everything else slots


def add_purge_route(app: FastAPI, book: SettingsBook, roster: Roster) -> None:
    """Who may use it is checked in front: owners alone."""

    @app.post("/admin/cache/purge")
    async def purge(body: Purge) -> dict[str, Any]:
        """Forget answers; answered when no live router gives them any more, or its lease has ended."""
        slots = body.to_slots()
        if body.dry_run:
            live = sorted(member.report.router for member in roster.live())
            return {"purged": [], "would_purge": sorted(slots.values()), "routers": live}
        overlay = await book.purge(slots)
        reach = await roster.wait_for(overlay.version, REACH_S)
        return {
            "purged": sorted(slots.values()),
            "acknowledged": reach.acknowledged,
            "lease_ended": reach.lease_ended,
            "late": reach.late,
        }
