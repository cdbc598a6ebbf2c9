"""Keys come outside of requests, are asked for again within bounds, and tell principals and actors."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.fakes_loop import run_jumping
from tests.unit.serve.sign_in.issuing import ALL_KEYS, EC, ED, NOW_S, RSA, handmade, jwk, jwks, settings, token
from turnout.models.access import Actor, Role
from turnout.serve.config.oidc import OidcSettings
from turnout.serve.sign_in.fetch import fetch_key_set
from turnout.serve.sign_in.issuers import Issuers
from turnout.serve.sign_in.key_set import parse_key_set


@dataclass
class Idp:
    """Answers with one document after the other; the last one stays."""

    documents: list[bytes | Exception] = field(default_factory=lambda: [ALL_KEYS])
    asked: list[float] = field(default_factory=list)

    async def __call__(self, chosen: OidcSettings) -> bytes:
        self.asked.append(asyncio.get_running_loop().time())
        document = self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]
        if isinstance(document, Exception):
            raise document
        return document


class Watched:
    """Issuers that keep their keys fresh for the length of a block."""

    def __init__(self, idp: Idp, *chosen: OidcSettings) -> None:
        self.issuers = Issuers(lambda: NOW_S, idp)
        self.issuers.set(chosen or (settings(),))

    async def __aenter__(self) -> Issuers:
        self._task = asyncio.create_task(self.issuers.run())
        await asyncio.sleep(0.01)
        return self.issuers

    async def __aexit__(self, *args: object) -> None:
        self._task.cancel()


def test_a_bearer_becomes_a_principal_with_what_the_settings_say() -> None:
    async def main() -> None:
        chosen = settings(
            teams={"ops": "platform", "dev": "search"},
            tenant="acme",
            tier="gold",
            models=["small"],
            limits={"requests_per_minute": 5},
            budgets=["team:search:monthly"],
        )
        async with Watched(Idp(), chosen) as issuers:
            found = issuers.find_principal(token())
        assert found is not None
        assert (found.tenant, found.team, found.user, found.key_id) == ("acme", "search", "ann", "oidc:sso:ann")
        assert (found.tier, found.allowed_models, found.budgets) == ("gold", {"small"}, ("team:search:monthly",))
        assert [(limit.bucket, limit.amount) for limit in found.limits] == [("user:oidc:sso:ann", 5)]
        assert found.expires_at_s == NOW_S + 630

    run_jumping(main())


@pytest.mark.parametrize(
    ("groups", "actor"),
    [
        (["dev"], Actor("oidc:sso:ann", Role.MEMBER, "", "search", "ann")),
        (["dev", "ops"], Actor("oidc:sso:ann", Role.ADMIN, "", "search", "ann")),
        (["guests"], None),
        (None, None),
    ],
)
def test_the_highest_role_of_somebodys_groups_counts_and_without_one_nothing_may_be_done(
    groups: list[str] | None, actor: Actor | None
) -> None:
    async def main() -> None:
        chosen = settings(roles={"dev": "member", "ops": "admin"}, teams={"dev": "search"})
        async with Watched(Idp(), chosen) as issuers:
            assert issuers.find_actor(token(groups=groups).decode()) == actor

    run_jumping(main())


def test_an_admin_of_an_organisation_is_none_of_all() -> None:
    async def main() -> None:
        async with Watched(Idp(), settings(roles={"dev": "admin"}, tenant="acme")) as issuers:
            actor = issuers.find_actor(token().decode())
        assert actor is not None
        assert actor.tenant == "acme"

    run_jumping(main())


def test_keys_that_are_rotated_are_found_and_tokens_of_the_old_ones_end() -> None:
    async def main() -> None:
        idp = Idp([jwks(jwk(RSA, "old")), jwks(jwk(EC, "new"))])
        async with Watched(idp) as issuers:
            old, new = token(kid="old"), token(EC, "ES256", "new")
            assert issuers.sessions.find(b"old", old) is not None
            await asyncio.sleep(20)
            assert issuers.sessions.find(b"new", new) is None
            await asyncio.sleep(1)
            assert issuers.sessions.find(b"new", new) is not None
            assert issuers.sessions.find(b"old", old) is None

    run_jumping(main())


def test_however_many_tokens_name_unknown_keys_the_issuer_is_asked_every_ten_seconds_at_most() -> None:
    async def main() -> None:
        idp = Idp()
        async with Watched(idp) as issuers:
            for number in range(1000):
                assert issuers.find_principal(token(kid=f"k{number}")) is None
                await asyncio.sleep(0.1)
        assert 10 <= len(idp.asked) <= 12
        gaps = [later - earlier for earlier, later in zip(idp.asked, idp.asked[1:], strict=False)]
        assert min(gaps) >= 10

    run_jumping(main())


def test_an_issuer_that_is_away_is_asked_again_and_its_last_keys_stay() -> None:
    async def main() -> None:
        idp = Idp([OSError("away"), ALL_KEYS, OSError("away"), b"<html>", TimeoutError()])
        async with Watched(idp) as issuers:
            assert issuers.find_principal(token()) is None
            await asyncio.sleep(10)
            assert issuers.find_principal(token()) is not None
            await asyncio.sleep(1000)
            assert issuers.find_principal(token()) is not None
            assert len(idp.asked) < 110

    run_jumping(main())


def test_keys_are_asked_for_again_even_if_nobody_misses_one() -> None:
    async def main() -> None:
        idp = Idp()
        async with Watched(idp, settings(refresh_s=60)):
            await asyncio.sleep(301)
        assert len(idp.asked) == 6

    run_jumping(main())


def test_other_settings_forget_sessions_and_keep_the_keys_of_issuers_that_stay() -> None:
    async def main() -> None:
        idp = Idp()
        first, second = settings(), settings(name="two", issuer="https://two.example")
        async with Watched(idp, first) as issuers:
            assert issuers.sessions.find(b"d", token()) is not None
            issuers.set((first, second))
            assert issuers.find_principal(token()) is not None
            await asyncio.sleep(0.1)
            assert len(idp.asked) == 2
            issuers.set((second,))
            assert issuers.sessions.find(b"d", token()) is None
            assert issuers.find_principal(token(iss="https://two.example")) is not None

    run_jumping(main())


def test_one_issuers_keys_are_not_anothers() -> None:
    async def main() -> None:
        two = "https://two.example"
        documents = {"sso": jwks(jwk(RSA, "k")), "two": jwks(jwk(ED, "k"))}

        async def fetch(chosen: OidcSettings) -> bytes:
            return documents[chosen.name]

        issuers = Issuers(lambda: NOW_S, fetch)
        issuers.set((settings(), settings(name="two", issuer=two)))
        task = asyncio.create_task(issuers.run())
        await asyncio.sleep(0.01)
        assert issuers.find_principal(token(kid="k")) is not None
        assert issuers.find_principal(token(kid="k", iss=two)) is None
        assert issuers.find_principal(token(ED, "EdDSA", "k", iss=two)) is not None
        assert issuers.find_principal(token(kid="k", iss="https://three.example")) is None
        task.cancel()

    run_jumping(main())


@pytest.mark.parametrize("text", ["", "sk-tn-123", "eyJ..", "eyJ." * 6000, handmade({"alg": "none"}, {}).decode()])
def test_what_is_no_token_acts_for_nobody(text: str) -> None:
    async def main() -> None:
        async with Watched(Idp(), settings(roles={"dev": "admin"})) as issuers:
            assert issuers.find_actor(text) is None

    run_jumping(main())


class _Keys(BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/keys")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def idp_url() -> Iterator[str]:
    _Keys.answers = {
        "/keys": (200, ALL_KEYS),
        "/gone": (404, b""),
        "/moved": (302, b""),
        "/huge": (200, b" " * 400_000),
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), _Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_keys_come_over_http_and_let_tokens_in(idp_url: str) -> None:
    issuers = Issuers(lambda: NOW_S)
    issuers.set((settings(jwks_url=f"{idp_url}/keys"),))
    task = asyncio.create_task(issuers.run())
    async with asyncio.timeout(10):
        while issuers.find_principal(token()) is None:
            await asyncio.sleep(0.01)
    task.cancel()
    assert repr(issuers) == "Issuers(sso: 3 keys)"


@pytest.mark.parametrize("path", ["/gone", "/moved", "/huge"])
async def test_an_answer_that_is_no_key_set_is_an_error(idp_url: str, path: str) -> None:
    chosen = settings(jwks_url=idp_url + path)
    with pytest.raises(Exception, match=r"404|302|at most"):
        parse_key_set(await fetch_key_set(chosen), chosen.algorithms)


async def test_keys_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(ALL_KEYS)
    assert await fetch_key_set(settings(jwks_url=None, jwks_file=tmp_path / "keys.json")) == ALL_KEYS


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"jwks_url": "http://login.example/keys"}, "https://"),
        ({"jwks_url": None}, "either jwks_url or jwks_file"),
        ({"jwks_file": "/keys.json"}, "either jwks_url or jwks_file"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": []}, "at least 1"),
        ({"roles": {"dev": "owner"}}, "team_admin"),
        ({"audience": []}, "audience"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(more: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        settings(**more)
