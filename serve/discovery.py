"""
Tells a router which replicas each pool has, as Serve's controller pushes it.

Serve has no public way to be told about replicas, so this file reads the long poll that Serve's own handles read. It's the only one that imports
`ray.serve._private`; ADR 0002 says what was weighed, and `tests/contracts/ray` fails when a new Ray changes what is relied on.
"""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError
from ray.serve._private.common import DeploymentID, DeploymentTargetInfo, RunningReplicaInfo
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.serve._private.long_poll import LongPollNamespace, LongPollState

from turnout.models.target import Endpoint, Load

logger = logging.getLogger(__name__)

SECRET_HEADER = b"x-turnout-secret"

SERVERS = ("Engine", "Embedder", "Provider", "Control")
"""Deployments that publish a listener. A pool is named by its application; which of these runs in it needn't be known before it's deployed."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Replica:
    """A running replica: where it listens, and what it last said of its load."""

    endpoint: Endpoint
    load: Load | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One deployment's running replicas; `id` is the controller's, and only good for asking what has changed since."""

    id: int
    replicas: tuple[Replica, ...]


Poll = Callable[[str, Mapping[str, int]], Awaitable[Mapping[str, Snapshot]]]
"""
Waits until one of a pool's deployments differs from the ids known, and returns the new snapshots by deployment name, or {} after a while.

Raises ConnectionError if the controller is gone.
"""

OnChange = Callable[[str, tuple[Endpoint, ...]], None]
OnLoad = Callable[[str, Mapping[str, Load]], None]


def _ignore_load(pool: str, loads: Mapping[str, Load]) -> None:
    del pool, loads


@dataclass(slots=True)
class _Pool:
    """What is known of one followed pool."""

    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    loads: dict[str, Load] = field(default_factory=dict)

    def apply(self, changed: Mapping[str, Snapshot]) -> None:
        self.snapshots.update(changed)
        replicas = [replica for snapshot in self.snapshots.values() for replica in snapshot.replicas]
        replicas.sort(key=lambda replica: replica.endpoint.id)
        self.endpoints = tuple(replica.endpoint for replica in replicas)
        self.loads = {replica.endpoint.id: replica.load for replica in replicas if replica.load is not None}


class Discovery:
    """
    Owner of what is known about the followed pools: one task a pool, living on the loop that made this object.

    `on_change(pool, endpoints)` is called on that loop, whenever a pool's list differs from the one told before; a pool that isn't deployed yet is
    waited for in silence, one that is deleted has no endpoints. `on_load(pool, loads by endpoint id)` is called when replicas publish a new load,
    about once a second while they work. While the controller is away the last lists stand.
    """

    def __init__(self, on_change: OnChange, on_load: OnLoad = _ignore_load, poll: Poll | None = None) -> None:
        self._on_change = on_change
        self._on_load = on_load
        self._poll = poll or ControllerPoll()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"Discovery({sorted(self._tasks)})"

    @property
    def is_running(self) -> bool:
        """Whether every followed pool is still being watched; False means a fault of ours, for a health check to report."""
        return not any(task.done() for task in self._tasks.values())

    def follow(self, pools: set[str]) -> None:
        """Watch these pools and no others; `on_change(pool, ())` is called for one that had endpoints and is dropped."""
        for pool in self._tasks.keys() - pools:
            self._tasks.pop(pool).cancel()
            self._on_change(pool, ())
        for pool in pools - self._tasks.keys():
            # An empty context: Ray would otherwise tie the poll to whatever request or hook happens to be running now.
            self._tasks[pool] = asyncio.get_running_loop().create_task(
                self._watch(pool), name=f"discovery {pool}", context=contextvars.Context()
            )

    async def close(self) -> None:
        """Stop watching, in silence."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, pool: str) -> None:
        known = _Pool()
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                changed = await self._poll(pool, {name: snapshot.id for name, snapshot in known.snapshots.items()})
            except ConnectionError as error:
                logger.warning(
                    "discovery: controller is away, keeping %d endpoints of %r: %s", len(known.endpoints), pool, error
                )
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            if changed:
                self._tell(pool, known, changed)

    def _tell(self, pool: str, known: _Pool, changed: Mapping[str, Snapshot]) -> None:
        endpoints, loads = known.endpoints, known.loads
        known.apply(changed)
        if known.endpoints != endpoints:
            self._on_change(pool, known.endpoints)
        if known.loads != loads:
            self._on_load(pool, known.loads)


class ControllerPoll:
    """The real `Poll`: one call to Serve's controller, which answers when something changed or after 30 to 60 s."""

    def __init__(self) -> None:
        self._controller: ActorHandle | None = None

    async def __call__(self, pool: str, known: Mapping[str, int]) -> Mapping[str, Snapshot]:
        # -1 is never a snapshot's id: a deployment not seen yet is sent at once, and one that doesn't exist is waited for.
        ids = {
            (LongPollNamespace.DEPLOYMENT_TARGETS, DeploymentID(name, pool)): known.get(name, -1) for name in SERVERS
        }
        try:
            if self._controller is None:
                self._controller = await asyncio.to_thread(ray.get_actor, SERVE_CONTROLLER_NAME, SERVE_NAMESPACE)
            updates = await self._controller.listen_for_change.remote(ids)
        except (RayError, ValueError) as error:  # ValueError: no actor of that name
            self._controller = None
            raise ConnectionError(str(error).partition("\n")[0]) from error
        if updates == LongPollState.TIME_OUT:
            return {}
        return {
            key[1].name: Snapshot(update.snapshot_id, read_replicas(update.object_snapshot))
            for key, update in updates.items()
        }


def read_replicas(info: DeploymentTargetInfo) -> tuple[Replica, ...]:
    """The replicas that have published a listener; others (another kind of deployment under one of our names) are left out."""
    replicas = (_read_replica(replica) for replica in info.running_replicas)
    return tuple(replica for replica in replicas if replica is not None)


def _read_replica(info: RunningReplicaInfo) -> Replica | None:
    published: Mapping[str, Any] = info.replica_metadata
    if not {"host", "port", "secret"} <= published.keys():
        return None
    context_tokens = published.get("context_tokens")
    endpoint = Endpoint(
        id=info.replica_id.unique_id,
        host=str(published["host"]),
        port=int(published["port"]),
        base_path="/v1",
        headers=((SECRET_HEADER, str(published["secret"]).encode()),),
        zone=str(published.get("zone") or info.availability_zone or ""),
        context_tokens=None if context_tokens is None else int(context_tokens),
        heeds_priority=published.get("heeds_priority") is True,
    )
    return Replica(endpoint, _read_load(info.routing_stats))


def _read_load(stats: Mapping[str, Any]) -> Load | None:
    try:
        return Load(int(stats["running"]), int(stats["waiting"]), float(stats["kv_used"]), int(stats["prefill_tokens"]))
    except KeyError:
        return None
