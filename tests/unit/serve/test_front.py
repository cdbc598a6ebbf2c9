"""The handlers around a model server's own."""

import pytest

from tests.fakes import FakeOut, head
from turnout.models.target import Load
from turnout.serve.front import only_routes, while_alive, with_load, with_token_comments

ROUTES = {b"/v1/completions": b"POST", b"/health": b"GET"}


async def answer(head, body, out):
    out.full(200, (), b"from the model server")


async def stream(head, body, out):
    out.start(200, ((b"content-type", b"text/event-stream"),))
    out.write(b"data: 1\n\n")
    out.end()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (b"POST", b"/v1/completions", 200),
        (b"GET", b"/health", 200),
        (b"GET", b"/v1/completions", 405),
        (b"POST", b"/collective_rpc", 404),
        (b"POST", b"/v1/completions/", 404),
        (b"POST", b"//v1/completions", 404),
        (b"POST", b"/v1/%63ompletions", 404),
    ],
)
async def test_only_the_named_routes_exist(method, path, status):
    out = FakeOut()
    await only_routes(answer, ROUTES)(head(path, method), b"", out)
    assert out.status == status


async def test_whole_and_streamed_answers_carry_the_load_of_the_moment():
    loads = iter([Load(1, 0, 0.5, 7), Load(2, 1, 0.25, 0)])
    whole, streamed = FakeOut(), FakeOut()
    await with_load(answer, lambda: next(loads))(head(), b"", whole)
    await with_load(stream, lambda: next(loads))(head(), b"", streamed)
    assert dict(whole.headers)[b"x-turnout-load"] == b"1 0 0.500 7"
    assert dict(streamed.headers) == {b"content-type": b"text/event-stream", b"x-turnout-load": b"2 1 0.250 0"}
    assert Load.try_parse(dict(whole.headers)[b"x-turnout-load"]) == Load(1, 0, 0.5, 7)


async def test_a_dead_engine_refuses_at_once_with_an_error_that_may_be_tried_elsewhere():
    out = FakeOut()
    await while_alive(answer, lambda: False)(head(), b"", out)
    assert out.status == 503
    alive = FakeOut()
    await while_alive(answer, lambda: True)(head(), b"", alive)
    assert alive.status == 200


class Engine:
    """A handler that streams one event, with ids if it was asked for them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.lengths: list[bytes] = []

    async def __call__(self, head, body, out):
        self.bodies.append(body)
        self.lengths.append(head.headers.get(b"content-length", b""))
        out.start(200, ((b"content-type", b"text/event-stream"),))
        ids = b"[7]" if b"return_token_ids" in body else b"null"
        out.write(b'data: {"token_ids":%b}\n\n' % ids)
        out.write(b"data: half")
        out.end()


async def test_token_ids_come_in_comment_lines_to_those_who_ask():
    engine, out = Engine(), FakeOut()
    asking = head(x_turnout_token_ids="1", content_length="15")
    await with_token_comments(engine)(asking, b'{"stream":true}', out)
    assert engine.bodies == [b'{"stream":true,"return_token_ids":true}']
    assert engine.lengths == [b"%d" % len(engine.bodies[0])]
    assert out.body == b':t [7]\ndata: {"token_ids":null}\n\ndata: half'
    assert out.is_ended


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        (head(), b'{"stream":true}'),
        (head(x_turnout_token_ids="1"), b'{"stream":false}'),
        (head(b"/v1/embeddings", x_turnout_token_ids="1"), b'{"stream":true}'),
    ],
)
async def test_nobody_else_is_given_token_ids(asked, body):
    engine, out = Engine(), FakeOut()
    await with_token_comments(engine)(asked, body, out)
    assert engine.bodies == [body]
    assert out.body == b'data: {"token_ids":null}\n\ndata: half'
