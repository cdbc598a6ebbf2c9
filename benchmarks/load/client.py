"""Runs the load client as a process of its own: the C program where there is a compiler, the Python one otherwise and for TLS."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from turnout.benchmarks.load.compiler import CLIENT, cache_folder, find_compiler, try_build
from turnout.benchmarks.load.plan import LoadPlan, LoadResult

FALLBACK = (sys.executable, "-m", "turnout.benchmarks.load.fallback")


class LoadFailed(Exception):
    """The client couldn't run its plan at all; the text is what it said."""


@dataclass(frozen=True, slots=True)
class RunningLoad:
    """A client process; `wait` once for its result."""

    process: subprocess.Popen[bytes]
    plan: LoadPlan

    def stop(self) -> None:
        """No more requests; what was sent is still waited for. Call `wait` next."""
        self.process.terminate()

    def wait(self) -> LoadResult:
        """
        What the client saw, when it has ended.

        Raises:
            LoadFailed: it couldn't start, or hangs.
        """
        try:
            output, errors = self.process.communicate(timeout=self.plan.longest_s)
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"the load client hangs after {self.plan.longest_s:.0f} s at {self.plan.url}") from error
        if self.process.returncode:
            raise LoadFailed(
                errors.decode(errors="replace").strip() or f"the load client ended with {self.process.returncode}"
            )
        return msgspec.json.decode(output, type=LoadResult)


@dataclass(frozen=True, slots=True)
class LoadClient:
    """
    The program that sends load.

    Attributes:
        executable: the compiled C program, or None where there is no compiler: then the Python client does it, which costs more of the machine.
    """

    executable: Path | None

    @property
    def description(self) -> str:
        """Which client this is, for the head of a report."""
        return "c" if self.executable else "python (no C compiler found: its own cost may limit what is measured)"

    @contextmanager
    def start(self, plan: LoadPlan) -> Iterator[RunningLoad]:
        """A client that runs beside what the caller does; it's ended with the block."""
        program = (str(self.executable),) if self.executable and not plan.is_tls else FALLBACK
        with tempfile.NamedTemporaryFile(prefix="turnout-bench-", suffix=".json") as body:
            body.write(plan.body)
            body.flush()
            command = [*program, *plan.to_arguments(body.name), *(["-T"] if plan.is_tls else [])]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                yield RunningLoad(process, plan)
            finally:
                process.kill()
                process.communicate()

    def run(self, plan: LoadPlan) -> LoadResult:
        """
        Runs a plan to its end.

        Raises:
            LoadFailed: the client can't.
        """
        with self.start(plan) as load:
            return load.wait()


def find_client() -> LoadClient:
    """The best client that this machine can run."""
    return LoadClient(try_build(CLIENT, cache_folder(os.environ), find_compiler()))
