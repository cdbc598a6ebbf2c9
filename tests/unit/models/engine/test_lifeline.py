"""A process that follows its parent dies with it, however the parent dies."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys

import pytest

from turnout.models.engine.lifeline import follow_parent

PARENT = """
import multiprocessing, os, sys, time
from turnout.models.engine.lifeline import follow_parent

def child(says):
    follow_parent()
    says.send(os.getpid())
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    hears, says = context.Pipe(duplex=False)
    context.Process(target=child, args=(says,)).start()
    print(hears.recv(), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open to wait for a process that isn't ours")
def test_the_child_of_a_killed_parent_is_dead_at_once(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            assert select.select([child], [], [], 0)[0] == []
            parent.send_signal(signal.SIGKILL)
            assert select.select([child], [], [], 5)[0] == [child]
        finally:
            os.close(child)


def test_does_nothing_in_a_process_that_multiprocessing_did_not_start():
    assert multiprocessing.parent_process() is None
    assert follow_parent() is None
