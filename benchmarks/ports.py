"""Finds free ports and waits until something listens on one."""

import socket
import time


class NotListening(Exception):
    """Nothing accepted connections within the time given."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, timeout_s: float) -> None:
    """
    Returns when 127.0.0.1:`port` accepts a connection.

    Raises:
        NotListening: it doesn't within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NotListening(f"nothing listens on 127.0.0.1:{port} after {timeout_s:.0f} s")
