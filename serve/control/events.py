"""Adds events to the audit log, each chained to the one before it."""

import hashlib

import msgspec

from turnout.models.ledger import AuditEvent
from turnout.serve.control.database import Connection

_GENESIS = bytes(32)


def append_event(connection: Connection, event: AuditEvent) -> None:
    """Add an event to the chain; one that's there already isn't added again."""
    last = connection.execute("SELECT prev_hash, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    row = (*msgspec.structs.astuple(event), digest_event(event), chain_hash(*last) if last else _GENESIS)
    connection.execute(
        "INSERT INTO audit (at_ns, actor, action, subject, detail, digest, prev_hash) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        row,
    )


def chain_hash(prev_hash: bytes, digest: bytes) -> bytes:
    """What the next audit row has as its `prev_hash`."""
    return hashlib.blake2b(prev_hash + digest, digest_size=32).digest()


def digest_event(event: AuditEvent) -> bytes:
    """32 bytes that stand for an event: the same one sent twice is kept once."""
    return hashlib.blake2b(msgspec.msgpack.encode(event), digest_size=32).digest()
