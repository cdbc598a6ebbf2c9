"""Discovery against a scripted controller; `tests/contracts/ray` has the real one."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from turnout.models.target import Endpoint, Load
from turnout.serve.discovery import Discovery, Replica, Snapshot, read_replicas


class ScriptedController:
    """A `Poll` that gives out what the test puts in, one pool at a time, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Queue[Mapping[str, Snapshot] | ConnectionError]] = {}
        self.asked: list[tuple[str, Mapping[str, int]]] = []

    def push(self, pool: str, answer: Mapping[str, Snapshot] | ConnectionError) -> None:
        self.answers.setdefault(pool, asyncio.Queue()).put_nowait(answer)

    async def __call__(self, pool: str, known: Mapping[str, int]) -> Mapping[str, Snapshot]:
        self.asked.append((pool, known))
        answer = await self.answers.setdefault(pool, asyncio.Queue()).get()
        if isinstance(answer, ConnectionError):
            raise answer
        return answer


class Told:
    """What `on_change` and `on_load` were called with; `next()` waits for a call."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, object]] = asyncio.Queue()

    def on_change(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        self.queue.put_nowait((pool, tuple(endpoint.id for endpoint in endpoints)))

    def on_load(self, pool: str, loads: Mapping[str, Load]) -> None:
        self.queue.put_nowait((pool, dict(loads)))

    async def next(self) -> tuple[str, object]:
        return await asyncio.wait_for(self.queue.get(), 5)


def snapshot(number: int, *ids: str, load: Load | None = None) -> Snapshot:
    return Snapshot(number, tuple(Replica(Endpoint(one, "127.0.0.1", 1), load) for one in ids))


@pytest.fixture
def controller() -> ScriptedController:
    return ScriptedController()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def discovery(controller, told):
    discovery = Discovery(told.on_change, told.on_load, controller)
    yield discovery
    await discovery.close()


async def test_tells_the_endpoints_of_a_pool_sorted_by_id(discovery, controller, told):
    discovery.follow({"a"})
    controller.push("a", {"Engine": snapshot(7, "r2", "r1")})
    assert await told.next() == ("a", ("r1", "r2"))
    controller.push("a", {"Engine": snapshot(8, "r2")})
    assert await told.next() == ("a", ("r2",))
    assert controller.asked[:2] == [("a", {}), ("a", {"Engine": 7})]


async def test_is_silent_when_a_push_changes_nothing(discovery, controller, told):
    discovery.follow({"a"})
    for answer in (
        {"Engine": snapshot(1, "r1")},
        {},
        {"Engine": snapshot(2, "r1")},
        {"Engine": snapshot(3, "r1", "r2")},
    ):
        controller.push("a", answer)
    assert [await told.next(), await told.next()] == [("a", ("r1",)), ("a", ("r1", "r2"))]


async def test_a_deleted_deployment_leaves_an_empty_pool(discovery, controller, told):
    discovery.follow({"a"})
    controller.push("a", {"Embedder": snapshot(1, "r1")})
    controller.push("a", {"Embedder": snapshot(2)})
    assert [await told.next(), await told.next()] == [("a", ("r1",)), ("a", ())]


async def test_keeps_the_last_list_while_the_controller_is_away(discovery, controller, told):
    discovery.follow({"a"})
    controller.push("a", {"Engine": snapshot(1, "r1")})
    controller.push("a", ConnectionError("gone"))
    controller.push("a", ConnectionError("gone"))
    controller.push("a", {"Engine": snapshot(900, "r1", "r2")})
    assert [await told.next(), await told.next()] == [("a", ("r1",)), ("a", ("r1", "r2"))]
    assert discovery.is_running


async def test_loads_are_told_by_endpoint_and_only_when_they_change(discovery, controller, told):
    busy = Load(running=2, waiting=1, kv_used=0.5, prefill_tokens=30)
    discovery.follow({"a"})
    controller.push("a", {"Engine": snapshot(1, "r1")})
    controller.push("a", {"Engine": snapshot(2, "r1", load=busy)})
    controller.push("a", {"Engine": snapshot(3, "r1", load=busy)})
    controller.push("a", {"Engine": snapshot(4)})
    assert [await told.next() for _ in range(4)] == [("a", ("r1",)), ("a", {"r1": busy}), ("a", ()), ("a", {})]


async def test_following_other_pools_drops_the_old_and_keeps_the_rest(discovery, controller, told):
    discovery.follow({"a", "b"})
    controller.push("a", {"Engine": snapshot(1, "a1")})
    assert await told.next() == ("a", ("a1",))
    controller.push("b", {"Engine": snapshot(1, "b1")})
    assert await told.next() == ("b", ("b1",))
    discovery.follow({"b", "c"})
    assert await told.next() == ("a", ())
    controller.push("c", {"Provider": snapshot(1, "c1")})
    controller.push("b", {"Engine": snapshot(2, "b2")})
    assert sorted([await told.next(), await told.next()]) == [("b", ("b2",)), ("c", ("c1",))]


async def test_a_fault_in_on_change_shows_in_is_running(controller):
    def fail(pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        raise RuntimeError("fault")

    discovery = Discovery(fail, poll=controller)
    discovery.follow({"a"})
    controller.push("a", {"Engine": snapshot(1, "r1")})
    while discovery.is_running:
        await asyncio.sleep(0)
    await discovery.close()
    assert len(controller.asked) == 1


def ray_replica(metadata: dict[str, object], stats: dict[str, object]) -> SimpleNamespace:
    return SimpleNamespace(
        replica_id=SimpleNamespace(unique_id="x1"),
        availability_zone="eu-1",
        replica_metadata=metadata,
        routing_stats=stats,
    )


def test_reads_an_endpoint_from_what_a_replica_published():
    metadata = {"host": "10.0.0.1", "port": 4711, "secret": "s3", "model": "m", "version": "1", "zone": ""}
    stats = {"running": 1, "waiting": 2, "kv_used": 0.25, "prefill_tokens": 3}
    (replica,) = read_replicas(SimpleNamespace(running_replicas=[ray_replica(metadata, stats)]))
    assert replica.endpoint == Endpoint(
        "x1", "10.0.0.1", 4711, base_path="/v1", headers=((b"x-turnout-secret", b"s3"),), zone="eu-1"
    )
    assert replica.load == Load(1, 2, 0.25, 3)
    assert "s3" not in repr(replica)


@pytest.mark.parametrize(
    ("published", "read"), [({}, None), ({"context_tokens": None}, None), ({"context_tokens": 2048}, 2048)]
)
def test_reads_how_long_a_context_the_engine_takes_where_it_says_so(published, read):
    metadata = {"host": "10.0.0.1", "port": 4711, "secret": "s3", **published}
    (replica,) = read_replicas(SimpleNamespace(running_replicas=[ray_replica(metadata, {})]))
    assert replica.endpoint.context_tokens == read


@pytest.mark.parametrize(
    ("published", "read"), [({}, False), ({"heeds_priority": False}, False), ({"heeds_priority": True}, True)]
)
def test_reads_whether_the_engine_orders_by_priority(published, read):
    metadata = {"host": "10.0.0.1", "port": 4711, "secret": "s3", **published}
    (replica,) = read_replicas(SimpleNamespace(running_replicas=[ray_replica(metadata, {})]))
    assert replica.endpoint.heeds_priority is read


def test_leaves_out_replicas_that_published_no_listener():
    assert read_replicas(SimpleNamespace(running_replicas=[ray_replica({}, {}), ray_replica({"host": "h"}, {})])) == ()
