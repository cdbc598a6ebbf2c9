"""The first request of an engine, over stand-ins for its handler."""

import json

import pytest

from tests.fakes import FakeOut
from turnout.serve.engine import warm_up


class Engine:
    """A handler that remembers its requests."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[tuple[bytes, bytes, dict[str, object]]] = []

    async def __call__(self, head, body: bytes, out: FakeOut) -> None:
        self.asked.append((head.method, head.path, json.loads(body)))
        if self.status:
            out.full(self.status, (), b'{"error": "no room"}')


@pytest.mark.parametrize(
    ("tasks", "path"),
    [(("generate",), b"/v1/completions"), (("embed", "classify"), b"/v1/embeddings")],
)
async def test_the_first_request_is_of_the_kind_that_the_model_answers(tasks, path):
    engine = Engine()
    await warm_up(engine, "m", tasks)
    ((method, asked, request),) = engine.asked
    assert (method, asked, request["model"]) == (b"POST", path, "m")


async def test_a_model_of_another_kind_is_not_asked():
    engine = Engine()
    await warm_up(engine, "m", ("classify",))
    assert engine.asked == []


async def test_an_engine_that_refuses_its_first_request_does_not_start():
    with pytest.raises(RuntimeError, match=r"failed with 500.*no room"):
        await warm_up(Engine(500), "m", ("generate",))


async def test_an_engine_that_answers_nothing_does_not_start():
    with pytest.raises(RuntimeError, match="failed with 0"):
        await warm_up(Engine(0), "m", ("generate",))
