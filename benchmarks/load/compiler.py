"""Compiles the C programs of this folder on first use, into a cache folder that is keyed by what they were made of."""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = ("-O2", "-std=gnu11")


@dataclass(frozen=True, slots=True)
class Program:
    """
    A C program of this folder.

    Attributes:
        name: of the executable.
        sources: its `.c` files.
        headers: its `.h` files; they count for the cache key only.
    """

    name: str
    sources: tuple[str, ...]
    headers: tuple[str, ...]

    def fingerprint(self) -> str:
        """16 hex digits that change with the sources, the flags and the machine's kind."""
        digest = hashlib.sha256(f"{platform.machine()} {platform.libc_ver()} {FLAGS}".encode())
        for name in (*self.sources, *self.headers):
            digest.update((HERE / name).read_bytes())
        return digest.hexdigest()[:16]


CLIENT = Program(
    "client", ("client.c", "connection.c", "response.c", "samples.c"), ("connection.h", "response.h", "samples.h")
)
MOCK_UPSTREAM = Program("mock_upstream", ("mock_upstream.c", "response.c", "samples.c"), ("response.h", "samples.h"))


class CompileError(Exception):
    """The compiler is there and refuses the sources; the text is what it said."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where compiled programs are kept: `$XDG_CACHE_HOME/turnout/bench`, or `~/.cache/turnout/bench`."""
    home = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".cache"
    return Path(home, "turnout", "bench")


def find_compiler() -> str | None:
    """The path of `cc`, or None."""
    return shutil.which("cc")


def try_build(program: Program, cache: Path, compiler: str | None) -> Path | None:
    """
    The program's executable, compiled now if the cache hasn't got it; None without a compiler.

    Two processes may build at once: each writes a file of its own and renames it.

    Raises:
        CompileError: the compiler refuses the sources.
    """
    executable = cache / f"{program.name}-{program.fingerprint()}"
    if executable.exists():
        return executable
    if compiler is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{program.name}-", dir=cache)
    os.close(descriptor)
    try:
        command = [compiler, *FLAGS, "-o", unfinished, *(str(HERE / source) for source in program.sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError(f"{' '.join(command)}\n{done.stderr}")
        Path(unfinished).rename(executable)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(unfinished).unlink()
    return executable
