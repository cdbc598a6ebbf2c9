"""What an edge is told: where it listens, and every limit it keeps."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CLUSTER_ID = re.compile(r"[A-Za-z0-9._-]{1,48}")


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """
    How much, and how slowly, a client may send; every number is a promise kept by a test.

    Times are kept by one sweep every `sweep_s`, so each may be late by that much.

    Attributes:
        header_bytes: request line and headers together; over it 431.
        header_s: from the first byte of a head, or from the connection's start, to the head's end; over it 408.
        idle_s: between two requests of a kept connection; over it the connection is closed without a word.
        body_bytes: largest request body; over it 413.
        body_gap_s: without any byte of an announced body; over it 408.
        body_s: for a whole body; over it 408.
        held_bytes: what may arrive while an answer is under way (pipelining) before reading stops.
        stall_s: with unsent answer bytes that the client doesn't take; over it the connection is cut.
        linger_s: for reading and dropping what a refused client still sends, so that the refusal isn't lost to a reset.
        linger_bytes: the same, in bytes.
        connections: open at once; one more is answered 503 and closed.
        age_s: after about this long (± 25 %) an answer says `connection: close`, so that new replicas get work.
        drain_silence_s: how long a draining edge keeps a silent connection that hasn't been told to close.
        sweep_s: how often times are looked at.
    """

    header_bytes: int = 32 * 1024
    header_s: float = 5.0
    idle_s: float = 75.0
    body_bytes: int = 32 * 1024 * 1024
    body_gap_s: float = 10.0
    body_s: float = 120.0
    held_bytes: int = 64 * 1024
    stall_s: float = 60.0
    linger_s: float = 5.0
    linger_bytes: int = 64 * 1024 * 1024
    connections: int = 10_000
    age_s: float = 60.0
    drain_silence_s: float = 2.0
    sweep_s: float = 1.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its key, both PEM. New files are read by a new edge."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ShareConfig:
    """
    Who may share the listening socket: the edges of one cluster on this node that ask for the same port.

    Attributes:
        cluster_id: 1 to 48 of `A-Z a-z 0-9 . _ -`.
        answers: what siblings may ask this edge (`Edge.ask_siblings`), by question; called on the event loop.

    Raises:
        ValueError: the cluster id can't be part of a socket's name.
    """

    cluster_id: str
    answers: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _CLUSTER_ID.fullmatch(self.cluster_id):
            raise ValueError(
                f"cluster id {self.cluster_id!r} isn't 1 to 48 letters, digits, dots, dashes or underscores"
            )


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """
    One edge.

    Attributes:
        host: a name or address of this machine.
        port: 0 for any free one.
        limits: see `EdgeLimits`.
        tls: None for plain HTTP.
        share: None for a socket of its own.
    """

    host: str
    port: int
    limits: EdgeLimits = EdgeLimits()
    tls: TlsFiles | None = None
    share: ShareConfig | None = None
