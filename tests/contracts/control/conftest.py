"""What the contract tests of Control share."""

import socket

import pytest

from tests.stores import place, postgres, postgres_url  # noqa: F401


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
