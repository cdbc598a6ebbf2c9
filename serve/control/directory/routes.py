"""The admin routes of the directory: `/key/*`, `/team/*`, `/user/*`, `/organization/*`, and what there is to ask for: `/model/info`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request

from turnout.models.access import Actor
from turnout.models.errors import BadRequest, NotFound
from turnout.serve.control.actor import Actors
from turnout.serve.control.directory.bodies import (
    OWN_IDS,
    Id,
    KeyDelete,
    KeyGenerate,
    KeyRef,
    KeyRegenerate,
    KeyUpdate,
    LevelBody,
    OrganizationDelete,
    OrganizationNew,
    OrganizationRef,
    OrganizationUpdate,
    Secret,
    TeamDelete,
    TeamNew,
    TeamRef,
    TeamUpdate,
    UserDelete,
    UserNew,
    UserRef,
    UserUpdate,
    read_names,
)
from turnout.serve.control.directory.desk import DirectoryDesk, Made, digest_key
from turnout.serve.control.directory.grantee import Grantee, Kind
from turnout.serve.control.directory.permit import may_see, word_of
from turnout.serve.control.directory.shown import show
from turnout.serve.control.roster import REACH_S, Roster, directory_version
from turnout.serve.control.settings import SettingsBook

Page = Annotated[int, Query(ge=1)]
Size = Annotated[int, Query(ge=1, le=1000)]
OptionalKey = Annotated[Secret | None, Query()]
OptionalId = Annotated[Id | None, Query()]

_LEVELS: tuple[tuple[Kind, type[LevelBody], type[LevelBody], type[Any], type[Any]], ...] = (
    (Kind.TEAM, TeamNew, TeamUpdate, TeamRef, TeamDelete),
    (Kind.USER, UserNew, UserUpdate, UserRef, UserDelete),
    (Kind.ORGANIZATION, OrganizationNew, OrganizationUpdate, OrganizationRef, OrganizationDelete),
)


@dataclass(frozen=True, slots=True)
class DirectoryRoutes:
    """
    Adds the routes to an app; who acts is found by each of them, so that none can be open by mistake.

    Attributes:
        wall_ns: says when durations begin.
    """

    desk: DirectoryDesk
    actors: Actors
    roster: Roster
    book: SettingsBook
    wall_ns: Callable[[], int]

    def add_to(self, app: FastAPI) -> None:
        """All of them."""
        acts = Annotated[Actor, Depends(self._find_actor)]
        self._add_key_changes(app, acts)
        self._add_key_states(app, acts)
        self._add_key_views(app, acts)
        for kind, new, update, ref, delete in _LEVELS:
            self._add_level_changes(app, acts, kind, new, update, delete)
            self._add_level_states(app, acts, kind, update, ref)
            self._add_level_views(app, acts, kind)
        self._add_others(app, acts)

    def _add_key_changes(self, app: FastAPI, acts: Any) -> None:
        @app.post("/key/generate", tags=["keys"])
        async def generate_key(body: KeyGenerate, actor: acts) -> dict[str, Any]:
            """Make a key. `key` in the answer is shown this once; it works at every router when this is answered."""
            return await self._answer_made(await self.desk.generate(actor, body.parts(Kind.KEY), self._revise(body)))

        @app.post("/key/update", tags=["keys"])
        async def update_key(body: KeyUpdate, actor: acts) -> dict[str, Any]:
            """Change a key; what isn't sent stays."""
            return await self._answer(*await self.desk.update(actor, Kind.KEY, self._key_id(body), self._revise(body)))

        @app.post("/key/delete", tags=["keys"])
        async def delete_keys(body: KeyDelete, actor: acts) -> dict[str, Any]:
            """Delete keys, by `keys` or `key_ids`; all or none."""
            ids = [*body.key_ids, *(self._key_id(KeyRef(key=key)) for key in body.keys)]
            return await self._answer_deleted(await self.desk.delete(actor, Kind.KEY, ids), "deleted_keys")

        @app.post("/key/regenerate", tags=["keys"])
        async def regenerate_key(body: KeyRegenerate, actor: acts) -> dict[str, Any]:
            """Give a key a new secret; the one before works for `grace_s` more."""
            return await self._answer_made(await self.desk.regenerate(actor, self._key_id(body), body.grace_s))

    def _add_key_states(self, app: FastAPI, acts: Any) -> None:
        @app.post("/key/block", tags=["keys"])
        async def block_key(body: KeyRef, actor: acts) -> dict[str, Any]:
            """Refuse a key with 403 until it's unblocked."""
            return await self._set_blocked(actor, body, is_blocked=True)

        @app.post("/key/unblock", tags=["keys"])
        async def unblock_key(body: KeyRef, actor: acts) -> dict[str, Any]:
            """Let a blocked key in again."""
            return await self._set_blocked(actor, body, is_blocked=False)

    def _add_key_views(self, app: FastAPI, acts: Any) -> None:
        @app.get("/key/info", tags=["keys"])
        async def show_key(actor: acts, key_id: OptionalId = None, key: OptionalKey = None) -> dict[str, Any]:
            """A key, by its id or itself (prefer the id: addresses end up in logs); `effective` is what routers obey."""
            if (key is None) == (key_id is None):
                raise BadRequest("give key_id, or the key itself as key", "key_id")
            found = self.desk.get(actor, Kind.KEY, self._key_id(KeyRef(key=key, key_id=key_id)))
            return {"key_id": found.id, "info": self._show(found)}

        @app.get("/key/list", tags=["keys"])
        async def list_keys(
            actor: acts,
            team_id: OptionalId = None,
            user_id: OptionalId = None,
            organization_id: OptionalId = None,
            page: Page = 1,
            size: Size = 100,
        ) -> dict[str, Any]:
            """The keys that you may see, the oldest first."""
            wanted = {"team": team_id, "user": user_id, "tenant": organization_id}
            found = [
                key
                for key in self.desk.list_seen(actor, Kind.KEY)
                if all(value is None or getattr(key, name) == value for name, value in wanted.items())
            ]
            return {
                "keys": [self._show(key) for key in found[(page - 1) * size : page * size]],
                "total_count": len(found),
                "current_page": page,
                "total_pages": math.ceil(len(found) / size),
            }

    def _add_level_changes(self, app: FastAPI, acts: Any, kind: Kind, new_body: Any, update_body: Any, delete_body: Any) -> None:  # fmt: skip
        word, own_id = word_of(kind), OWN_IDS[kind]

        @app.post(f"/{word}/new", tags=[f"{word}s"], summary=f"Make a {word}")
        async def create(body: new_body, actor: acts) -> dict[str, Any]:
            """Answered when every router goes by it."""
            return await self._answer(*await self.desk.create(actor, kind, body.parts(kind), self._revise(body)))

        @app.post(f"/{word}/update", tags=[f"{word}s"], summary=f"Change a {word}")
        async def update(body: update_body, actor: acts) -> dict[str, Any]:
            """What isn't sent stays; all keys below follow at once."""
            return await self._answer(*await self.desk.update(actor, kind, getattr(body, own_id), self._revise(body)))

        @app.post(f"/{word}/delete", tags=[f"{word}s"], summary=f"Delete {word}s")
        async def delete(body: delete_body, actor: acts) -> dict[str, Any]:
            """With their keys; refused while users or teams belong to one."""
            return await self._answer_deleted(await self.desk.delete(actor, kind, read_names(body, own_id)), "deleted")

    def _add_level_states(self, app: FastAPI, acts: Any, kind: Kind, update_body: Any, ref_body: Any) -> None:
        word, own_id = word_of(kind), OWN_IDS[kind]

        async def set_blocked(actor: Actor, wanted: str, action: str) -> dict[str, Any]:
            revise = self._revise(update_body(**{own_id: wanted}, blocked=action == "block"))
            return await self._answer(*await self.desk.update(actor, kind, wanted, revise, action))

        @app.post(f"/{word}/block", tags=[f"{word}s"], summary=f"Block a {word}")
        async def block(body: ref_body, actor: acts) -> dict[str, Any]:
            """Refuse all keys below with 403 until it's unblocked."""
            return await set_blocked(actor, getattr(body, own_id), "block")

        @app.post(f"/{word}/unblock", tags=[f"{word}s"], summary=f"Unblock a {word}")
        async def unblock(body: ref_body, actor: acts) -> dict[str, Any]:
            """Let those in again that aren't blocked otherwise."""
            return await set_blocked(actor, getattr(body, own_id), "unblock")

    def _add_level_views(self, app: FastAPI, acts: Any, kind: Kind) -> None:
        word, own_id = word_of(kind), OWN_IDS[kind]

        @app.get(f"/{word}/info", tags=[f"{word}s"], summary=f"Show a {word}")
        async def show_one(actor: acts, wanted: Annotated[str, Query(alias=own_id, max_length=64)]) -> dict[str, Any]:
            """With its keys, and what follows from all levels."""
            found = self.desk.get(actor, kind, wanted)
            keys = [each for each in self.desk.book.below(found) if each.kind is Kind.KEY and may_see(actor, each)]
            return {own_id: found.id, "info": self._show(found), "key_ids": [each.id for each in keys]}

        @app.get(f"/{word}/list", tags=[f"{word}s"], summary=f"List {word}s")
        async def show_all(actor: acts) -> dict[str, Any]:
            """Those that you may see, the oldest first."""
            return {f"{word}s": [self._show(each) for each in self.desk.list_seen(actor, kind)]}

    def _add_others(self, app: FastAPI, acts: Any) -> None:
        @app.get("/model/info", tags=["models"])
        async def list_models(actor: acts) -> dict[str, Any]:
            """The public models that you may give, with their targets and prices."""
            models = self.book.config.models if self.book.config else []
            return {"data": [_show_model(model) for model in models if self.desk.held(actor).may_use(model.name)]}

        @app.post("/config/reload", tags=["models"])
        async def refuse_reload(actor: acts) -> None:
            """Refused: the settings are the cluster file's, which only the one who has it can apply."""
            del actor
            raise BadRequest("the settings come from the cluster file: change it and run `turnout apply FILE`")

    def _find_actor(self, request: Request) -> Actor:
        return self.actors.get(request.headers.get("authorization", "").encode("latin-1"))

    def _revise(self, body: LevelBody) -> Callable[[Grantee], Grantee]:
        return lambda grantee: body.revise(grantee, self.wall_ns() / 1e9)

    def _key_id(self, ref: KeyRef) -> str:
        if ref.key is None:
            return ref.key_id or ""
        found = self.desk.book.find_key(digest_key(ref.key))
        if found is None:
            raise NotFound("there is no such key that you may see", "key")
        return found.id

    async def _set_blocked(self, actor: Actor, ref: KeyRef, *, is_blocked: bool) -> dict[str, Any]:
        body = KeyUpdate(key_id=self._key_id(ref), blocked=is_blocked)
        action = "block" if is_blocked else "unblock"
        return await self._answer(
            *await self.desk.update(actor, Kind.KEY, self._key_id(ref), self._revise(body), action)
        )

    async def _answer(self, grantee: Grantee, version: int) -> dict[str, Any]:
        return {**self._show(grantee), "reach": await self._reach(version)}

    async def _answer_made(self, made: Made) -> dict[str, Any]:
        return {"key": made.secret, **await self._answer(made.grantee, made.version)}

    async def _answer_deleted(self, done: tuple[list[str], int], name: str) -> dict[str, Any]:
        gone, version = done
        return {name: gone, "reach": await self._reach(version)}

    async def _reach(self, version: int) -> dict[str, Any]:
        """How far a change came; by then every live router goes by it, or its lease has ended."""
        reach = await self.roster.wait_for(version, REACH_S, directory_version)
        return {"acknowledged": reach.acknowledged, "lease_ended": reach.lease_ended, "late": reach.late}

    def _show(self, grantee: Grantee) -> dict[str, Any]:
        return show(grantee, self.desk.book.principal_of(grantee))


def _show_model(model: Any) -> dict[str, Any]:
    settings = model.model_dump(mode="json", exclude_unset=True)
    return {
        "model_name": model.name,
        "model_info": {"operations": sorted(model.operations), "targets": settings["targets"]},
    }
