"""Starts the small servers of a benchmark as child processes that print the port they listen on."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


class ChildFailed(Exception):
    """A child process ended instead of listening."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child that listens on 127.0.0.1."""

    pid: int
    port: int


@contextmanager
def start_child(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """
    A child process whose first line is `listening PORT`; killed with the block.

    Raises:
        ChildFailed: it ends without that line.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != b"listening":
            raise ChildFailed(f"{' '.join(command)} ended with {process.wait()}")
        yield Child(process.pid, int(words[1]))
    finally:
        process.kill()
        process.communicate()


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of this package."""
    return [sys.executable, "-m", module, *arguments]
