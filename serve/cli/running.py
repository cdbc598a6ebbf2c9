"""
What `turnout up` runs on this machine: a folder for each cluster file, with a lock that lives as long as the cluster.

The lock is what counts, not the process ids: they may be used again by somebody else, a lock can't. It is inherited by `serve run`, so that it says
the truth even when `turnout up` itself was killed.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from turnout.serve.cli.refusal import ExitCode, Refusal


class Record(msgspec.Struct, frozen=True):
    """
    One running cluster.

    Attributes:
        file: the cluster file, absolute.
        serve_pid: the process of `serve run`.
        dashboard: where Ray's REST API is, or "" until it's known.
        started_at_s: unix time.
    """

    file: str
    serve_pid: int
    dashboard: str
    started_at_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one cluster file."""

    folder: Path

    @property
    def log(self) -> Path:
        """What `serve run` says."""
        return self.folder / "serve.log"

    def is_running(self) -> bool:
        """Whether the cluster, or the `turnout up` that starts or stops it, is alive."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def read(self) -> Record | None:
        """What was written last, or None."""
        try:
            return msgspec.json.decode((self.folder / "running.json").read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write(self, record: Record) -> None:
        """Keep `record` for `turnout down` and the others; replaced as a whole."""
        fresh = self.folder / "running.json.new"
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.replace(self.folder / "running.json")

    @contextmanager
    def hold(self) -> Iterator[int]:
        """
        Take the lock for the block and give its descriptor, for `serve run` to inherit.

        Raises:
            Refusal: this cluster file is up already.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Refusal(
                "this cluster is up already",
                "`turnout down` stops it, `turnout apply FILE` changes it",
                ExitCode.FAILED,
            ) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def place_of(home: Path, file: Path) -> Place:
    """Where the cluster of `file` keeps what it needs to be found again."""
    path = file.resolve()
    return Place(home / "running" / f"{path.stem}-{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}")


def find_all(home: Path) -> list[tuple[Place, Record]]:
    """All clusters that run on this machine for this user, by the name of their folder."""
    places = [Place(folder) for folder in sorted((home / "running").glob("*")) if folder.is_dir()]
    found = [(place, place.read()) for place in places if place.is_running()]
    return [(place, record) for place, record in found if record]


def get_one(home: Path, file: Path | None) -> tuple[Place, Record]:
    """
    The cluster of `file`, or the only one there is.

    Raises:
        Refusal: it isn't running; or there are several and no file was named.
    """
    if file is not None:
        place = place_of(home, file)
        record = place.read()
        if record is None or not place.is_running():
            raise Refusal(f"{file} isn't up on this machine", f"`turnout up {file}` starts it")
        return place, record
    found = find_all(home)
    if not found:
        raise Refusal("no cluster is up on this machine", "`turnout up FILE` starts one")
    if len(found) > 1:
        names = ", ".join(record.file for _, record in found)
        raise Refusal(f"{len(found)} clusters are up: {names}", "name the file", ExitCode.BAD_INPUT)
    return found[0]
