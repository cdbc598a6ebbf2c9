"""CPU time, memory and ancestry of toy processes."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from turnout.benchmarks.processes import CpuMeter, cpu_seconds, end_processes, find_descendants, find_process, pss_bytes

BURN_THEN_SLEEP = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.readline()
end = time.process_time() + 0.3
while time.process_time() < end: pass
print("burnt", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def toy() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", BURN_THEN_SLEEP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_meter_counts_what_was_burnt_since_it_was_read(toy: "subprocess.Popen[str]") -> None:
    hear(toy)
    meter = CpuMeter.read([toy.pid])
    say(toy, "go\n")
    assert hear(toy) == "burnt"
    assert 0.28 <= meter.used() <= 0.6


def test_descendants_are_found_parents_first(toy: "subprocess.Popen[str]") -> None:
    child = int(hear(toy))
    assert [process.pid for process in find_descendants(toy.pid)] == [toy.pid, child]


def test_memory_is_that_of_a_python_process(toy: "subprocess.Popen[str]") -> None:
    hear(toy)
    size = pss_bytes(toy.pid)
    assert size is not None
    assert 1e6 < size < 100e6


def test_ending_descendants_leaves_none_of_them(toy: "subprocess.Popen[str]") -> None:
    child = int(hear(toy))
    found = find_descendants(toy.pid)
    end_processes(found, patience_s=5.0)
    assert find_process(child) is None
    assert toy.wait(5) < 0


def test_a_process_that_is_gone_has_no_numbers() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert (cpu_seconds(process.pid), pss_bytes(process.pid), find_process(process.pid)) == (None, None, None)
    assert find_descendants(process.pid) == []


def test_a_meter_leaves_out_processes_that_are_gone(toy: "subprocess.Popen[str]") -> None:
    hear(toy)
    meter = CpuMeter.read([toy.pid, 2**22 + 1])
    assert list(meter.seconds) == [toy.pid]
