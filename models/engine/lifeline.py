"""
A vLLM plugin that lets no engine process outlive the one that started it.

vLLM loads the entry points of `vllm.general_plugins` in each of its processes. Without this one, EngineCore and its workers stay for good, with the
memory they hold, when the process above them is killed with SIGKILL (seen with vLLM 0.32).
"""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def follow_parent() -> None:
    """
    Ask the kernel to kill this process when its parent dies. In a process that multiprocessing didn't start, do nothing.

    What counts as the parent is the thread that started this process (prctl(2)), so engines are opened on a thread that lasts: a replica's user loop.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent.pid:  # it died before the kernel was asked
        os._exit(1)
