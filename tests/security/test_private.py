"""Replicas' own listeners answer nobody without their secret, on any route, and hold a secret that can't be guessed."""

import pytest

from tests.security.doors import METHODS, STRANGERS, send
from turnout.models.exchange import Out, RequestHead
from turnout.serve import embedder, provider
from turnout.serve.control import internal
from turnout.serve.edge.secret import require_secret
from turnout.serve.listener import PrivateListener
from turnout.serve.mock import provider as mock

PATHS = sorted(
    {
        *(path.decode() for table in (embedder.ROUTES, provider._ROUTES, mock._ROUTES) for path in table),
        *(value for value in vars(internal).values() if isinstance(value, str) and value.startswith("/internal/")),
        *("/", "/metrics", "/admin/status", "/health/live", "/nowhere", "//v1/models"),
    }
)


class Room:
    """Behind the door; remembers whether anybody came in."""

    def __init__(self) -> None:
        self.visits = 0

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        self.visits += 1
        out.full(200, (), b"in")


@pytest.mark.parametrize("who", STRANGERS)
async def test_no_route_answers_a_stranger(who: str) -> None:
    room = Room()
    door = require_secret(room, b"the-secret")
    outs = [await send(door, method, path, STRANGERS[who]) for method in METHODS for path in PATHS]
    assert {out.status for out in outs} == {401}
    assert len({(out.body, tuple(out.headers.items())) for out in outs}) == 1
    assert room.visits == 0


@pytest.mark.parametrize("header", [b"authorization", b"x-api-key", b"cookie"])
async def test_the_secret_opens_from_its_own_header_only(header: bytes) -> None:
    room = Room()
    door = require_secret(room, b"the-secret")
    assert (await send(door, "GET", "/", {header: b"the-secret"})).status == 401
    assert (await send(door, "GET", "/", {header: b"Bearer the-secret"})).status == 401
    assert (await send(door, "GET", "/", {b"x-turnout-secret": b"the-secret"})).status == 200
    assert room.visits == 1


def test_each_replica_makes_a_secret_of_its_own() -> None:
    async def answer(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, (), b"")

    secrets = {PrivateListener(answer, "127.0.0.1").secret for _ in range(20)}
    assert len(secrets) == 20
    assert min(map(len, secrets)) >= 43, "32 random bytes"


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="everybody"):
        require_secret(Room(), b"")
