"""`serve run FILE` as a child process, with the environment that Turnout needs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ENVIRONMENT = {
    "RAY_worker_niceness": "0",  # Ray's workers run at nice 15 otherwise
    "RAY_AUTH_MODE": "token",  # a node's Ray has it off otherwise where it finds no token
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",  # models are on disk before anything starts; `turnout models pull` is what fetches
    "PYTHONUNBUFFERED": "1",
}
"""Set unless the user's environment says otherwise; Serve's switches are checked before."""

STARTED_CLUSTER = Path("/tmp/ray/ray_current_cluster")  # noqa: S108  # where `ray start` names its cluster, for Ray to join

_DASHBOARD = re.compile(r"View the dashboard at (\S+)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ServeRun:
    """A running `serve run`: owns the process, and its log until it ends."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log

    def __repr__(self) -> str:
        return f"ServeRun(pid={self.pid}, code={self._process.returncode})"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it hasn't ended yet."""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        self._process.send_signal(number)

    def find_dashboard(self) -> str | None:
        """The address of Ray's REST API, as its log names it; None until Ray is up, or where the dashboard is off."""
        found = _DASHBOARD.search(read_log(self._log, 64 * 1024, from_end=False))
        return found[1].rstrip("/") if found else None


def start(command: Sequence[str], environ: Mapping[str, str], log: Path, lock: int) -> ServeRun:
    """
    Start `command` in the background of this terminal, so that ctrl-C reaches us alone.

    The caller must handle SIGINT itself: a child of a process that ignores it (any shell's background job) would ignore it too, and never drain.

    Args:
        command: `serve_command(FILE)`.
        environ: all of its environment.
        log: where its output goes; emptied first.
        lock: a descriptor that it inherits and keeps open as long as it lives.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise RuntimeError("handle SIGINT before starting serve run: it would inherit that SIGINT is ignored")
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # the command is ours, the file's path is one argument
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            process_group=0,
            pass_fds=(lock,),
        )
    return ServeRun(process, log)


def serve_command(file: Path) -> list[str]:
    """The command line of `serve run FILE` in this Python's environment."""
    script = Path(sys.executable).with_name("serve")
    return (
        [str(script), "run", str(file)]
        if script.exists()
        else [sys.executable, "-m", "ray.serve.scripts", "run", str(file)]
    )


def make_environment(environ: Mapping[str, str], temp_dir: Path) -> dict[str, str]:
    """
    The environment of `serve run`: the user's, completed by what Turnout needs.

    Args:
        environ: the user's.
        temp_dir: where a cluster of our own keeps its sockets and logs, so that users and clusters don't meet in Ray's /tmp/ray. Left alone
            where there is a cluster to join: Ray finds it by its own folder.
    """
    made = {**ENVIRONMENT, **environ}
    for name in ("RAY_SERVE_ENABLE_DIRECT_INGRESS", "RAY_SERVE_ENABLE_HA_PROXY"):
        made[name] = "0"  # also where it was set to nothing
    if not environ.get("RAY_ADDRESS") and "RAY_TMPDIR" not in environ and not STARTED_CLUSTER.exists():
        made["RAY_TMPDIR"] = str(temp_dir)
    return made


def ray_folder() -> Path:
    """A short folder of this user's: Ray's socket paths must stay below 108 characters."""
    folder = Path(f"/tmp/turnout-{os.getuid()}")  # noqa: S108  # owned and checked below
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; set RAY_TMPDIR to a short folder of your own")
    return folder


def read_log(log: Path, size: int, *, from_end: bool = True) -> str:
    """The last (or first) `size` bytes of a log as text without colours; "" where there's none."""
    try:
        with log.open("rb") as stream:
            if from_end:
                stream.seek(max(0, log.stat().st_size - size))
            return _COLOUR.sub("", stream.read(size).decode("utf-8", "replace"))
    except FileNotFoundError:
        return ""
