"""What `serve/discovery.py` relies on in Ray's own code, tried on a real controller: a new Ray that changes it fails here first."""

import asyncio
import itertools
import os
import signal

import pytest
import ray
from ray import serve
from ray.serve.config import RequestRouterConfig

from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.target import Endpoint, Load
from turnout.serve.discovery import Discovery

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

STATS = {"running": 1, "waiting": 0, "kv_used": 0.0, "prefill_tokens": 0}


class Listed:
    """A replica that publishes an address, as engines do, without listening there."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.calls = itertools.count(1)

    def record_replica_metadata(self) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "secret": f"secret-{os.getpid()}",
            "model": "m",
            "version": "1",
            "zone": "z",
        }

    def record_routing_stats(self) -> dict[str, float]:
        return STATS | {"running": next(self.calls)}

    async def pid(self) -> int:
        return os.getpid()


def listed_app(port: int, replicas: int, name: str = "Engine") -> serve.Application:
    deployment = serve.deployment(Listed).options(
        name=name,
        num_replicas=replicas,
        max_surge_percent=100,
        ray_actor_options={"num_cpus": 0.1},
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=1,
        request_router_config=RequestRouterConfig(request_routing_stats_period_s=0.2),
    )
    return deployment.bind(port)


class Changes:
    """Follows pools from the test's own loop, and waits for lists."""

    def __init__(self) -> None:
        self.lists: dict[str, tuple[Endpoint, ...]] = {}
        self.loads: dict[str, Load] = {}
        self._changed = asyncio.Event()
        self.discovery = Discovery(self._on_change, self._on_load)

    def _on_change(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        self.lists[pool] = endpoints
        self._changed.set()

    def _on_load(self, pool: str, loads: dict[str, Load]) -> None:
        self.loads.update(loads)
        self._changed.set()

    async def until(self, holds, within_s: float = 30) -> None:
        async with asyncio.timeout(within_s):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def changes():
    changes = Changes()
    yield changes
    await changes.discovery.close()


async def deploy(app: serve.Application, name: str):
    return await asyncio.to_thread(serve.run, app, name=name, route_prefix=None)


async def delete(name: str) -> None:
    await asyncio.to_thread(serve.delete, name)


async def test_a_pool_is_followed_from_before_its_deployment_to_its_deletion(changes):
    changes.discovery.follow({"listed"})
    await deploy(listed_app(1234, 2), "listed")
    await changes.until(lambda seen: len(seen.lists.get("listed", ())) == 2)
    one, two = changes.lists["listed"]
    assert (one.host, one.port, one.base_path, one.zone) == ("127.0.0.1", 1234, "/v1", "z")
    assert one.headers[0][0] == b"x-turnout-secret"
    assert one.headers != two.headers
    await changes.until(lambda seen: {one.id, two.id} <= seen.loads.keys() and seen.loads[one.id].running > 1)

    await deploy(listed_app(1235, 1), "listed")
    await changes.until(lambda seen: [endpoint.port for endpoint in seen.lists["listed"]] == [1235])

    await delete("listed")
    await changes.until(lambda seen: seen.lists["listed"] == ())

    await deploy(listed_app(1236, 1, "Embedder"), "listed")
    await changes.until(lambda seen: [endpoint.port for endpoint in seen.lists["listed"]] == [1236])
    await delete("listed")


async def test_a_killed_replica_leaves_the_list_and_its_successor_joins_it(changes):
    handle = await deploy(listed_app(1240, 1), "killed")
    changes.discovery.follow({"killed"})
    await changes.until(lambda seen: len(seen.lists.get("killed", ())) == 1)
    (before,) = changes.lists["killed"]
    os.kill(await handle.pid.remote(), signal.SIGKILL)
    await changes.until(lambda seen: seen.lists["killed"] and seen.lists["killed"][0].id != before.id)
    (after,) = changes.lists["killed"]
    assert after.port == before.port == 1240
    await delete("killed")


async def test_the_last_list_stands_while_the_controller_is_killed_and_following_goes_on_after(changes):
    await deploy(listed_app(1250, 1), "orphaned")
    changes.discovery.follow({"orphaned"})
    await changes.until(lambda seen: len(seen.lists.get("orphaned", ())) == 1)
    told: list[tuple[Endpoint, ...]] = []
    original = changes.lists["orphaned"]

    controller = ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    os.kill(await controller.get_pid.remote(), signal.SIGKILL)
    watch = Discovery(lambda pool, endpoints: told.append(endpoints))
    watch.follow({"orphaned"})  # a router that starts while there is no controller

    await deploy(listed_app(1251, 1), "orphaned")
    await changes.until(lambda seen: [endpoint.port for endpoint in seen.lists["orphaned"]] == [1251])
    assert () not in told
    assert original[0].port == 1250
    await watch.close()
    await delete("orphaned")


@serve.deployment(name="Watcher", ray_actor_options={"num_cpus": 0.1})
class Watcher:
    """Follows a pool from inside a replica's user event loop, where routers do."""

    async def __init__(self, pool: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.on_own_loop: list[bool] = []
        self.ports: list[int] = []
        self.discovery = Discovery(self.on_change)
        self.discovery.follow({pool})

    def on_change(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        self.on_own_loop.append(asyncio.get_running_loop() is self.loop)
        self.ports = [endpoint.port for endpoint in endpoints]

    async def seen(self) -> tuple[list[int], list[bool]]:
        return self.ports, self.on_own_loop

    async def __del__(self) -> None:
        await self.discovery.close()


async def test_works_inside_a_replica_and_calls_back_on_its_user_loop():
    watcher = await deploy(Watcher.bind("watched"), "watcher")
    await deploy(listed_app(1260, 1), "watched")
    async with asyncio.timeout(20):
        while True:
            ports, on_own_loop = await watcher.seen.remote()
            if ports:
                break
            await asyncio.sleep(0.1)
    assert ports == [1260]
    assert all(on_own_loop)
    await delete("watched")
    await delete("watcher")
