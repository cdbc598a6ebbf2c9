"""Tokens at both doors: the route's and the admin routes'."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes import FakeUpstream, answers
from tests.gateways import ANSWER, LOCAL, Rig, catalogue
from tests.unit.serve.sign_in.issuing import ALL_KEYS, token
from turnout.models.access import Principal
from turnout.models.errors import Unauthorized
from turnout.router.sessions import Sessions
from turnout.serve.control.actor import Actors
from turnout.serve.control.bell import Bell
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.rows import DirectoryRows
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sign_in import AdminSignIn
from turnout.serve.control.sqlite import SqliteStore


async def test_the_route_answers_a_token_until_it_ends_and_verifies_it_once() -> None:
    verified: list[bytes] = []

    def verify(presented: bytes) -> Principal | None:
        verified.append(presented)
        return Principal("acme", "oidc:sso:ann", user="ann", expires_at_s=1060.0) if presented == token_text else None

    line = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, is_open=False))
    line.directory.sessions = Sessions(verify)
    token_text = token()
    bearer = {"authorization": f"Bearer {token_text.decode()}"}
    assert [(await line.post(**bearer)).status for _ in range(3)] == [200] * 3
    assert len(verified) == 1
    assert {entry.key_id for entry in line.sink.entries} == {"oidc:sso:ann"}
    assert (await line.post(authorization="Bearer eyJ.x.y")).status == 401
    line.clock.advance(61)
    assert (await line.post(**bearer)).status == 401


async def test_a_token_with_a_role_acts_on_the_admin_routes_as_soon_as_routers_have_the_settings(
    tmp_path: Path,
) -> None:
    (tmp_path / "keys.json").write_bytes(ALL_KEYS)
    store = SqliteStore.open(tmp_path / "control.sqlite")
    bell = Bell()
    book = await SettingsBook.open(store, lambda: 1, bell)
    directory = await DirectoryBook.open(DirectoryRows(store.committer), lambda: 1, bell)
    sign_in = AdminSignIn(book, bell)
    actors = Actors("ta-key", directory, lambda: 1, sign_in.find_actor)
    bearer = b"Bearer " + token(exp=4e9, iat=1)
    with pytest.raises(Unauthorized):
        actors.get(bearer)
    await book.accept(settings_with_keys(tmp_path / "keys.json"), "router-1")
    async with asyncio.timeout(10):
        while sign_in.find_actor(bearer[7:].decode()) is None:
            await asyncio.sleep(0.01)
    assert actors.get(bearer).id == "oidc:sso:ann"
    with pytest.raises(Unauthorized):
        actors.get(b"Bearer " + token(exp=4e9, iat=1, groups=["guests"]))
    assert sign_in.is_running
    sign_in.close()
    await store.close()


def settings_with_keys(path: Path) -> bytes:
    return (
        '{"auth": {"oidc": [{"issuer": "https://login.example/realm", "audience": "turnout",'
        f' "jwks_file": "{path}", "roles": {{"dev": "admin"}}}}]}},'
        ' "models": [{"name": "m", "targets": [{"name": "t", "pool": "p"}]}]}'
    ).encode()
