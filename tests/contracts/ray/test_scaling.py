"""Serve scales a pool by what its replicas report, with our policy and the delays of the cluster file."""

import asyncio
import time
from pathlib import Path

import pytest
from ray import serve

from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.serve.config.arguments import EngineArgs, Replicas
from turnout.serve.options import deployment_options

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster"), pytest.mark.timeout(180)]


class Busy:
    """A replica that has as many requests in flight as a file says."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def record_autoscaling_stats(self) -> dict[str, float]:
        return {"in_flight": float(self.file.read_text())}


def running() -> int:
    states = serve.status().applications["busy"].deployments["Busy"].replica_states
    return next((count for state, count in states.items() if str(state) == "RUNNING"), 0)


async def reach(replicas: int, within_s: float) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(within_s):
        while await asyncio.to_thread(running) != replicas:
            await asyncio.sleep(0.2)
    return time.monotonic() - begun


async def test_a_pool_grows_with_its_requests_in_flight_and_shrinks_after_the_delay(tmp_path):
    file = tmp_path / "in_flight"
    file.write_text("0")
    args = EngineArgs(
        model="none",
        replicas=Replicas(min=1, max=3),
        target_in_flight=10,
        upscale_delay_s=1,
        downscale_delay_s=3,
        num_cpus=0.1,
        drain_s=1,
    )
    app = serve.deployment(Busy).options(name="Busy", **deployment_options(args, {})).bind(file)
    await asyncio.to_thread(serve.run, app, name="busy", route_prefix=None)
    await reach(1, 30)
    file.write_text("15")  # in each: 15 want two replicas, 30 want three, 45 are held to three
    print(f"grown after {await reach(3, 60):.1f} s")
    file.write_text("0")
    shrunk_s = await reach(1, 60)
    print(f"shrunk after {shrunk_s:.1f} s")
    assert shrunk_s > 3
    await asyncio.to_thread(serve.delete, "busy")
