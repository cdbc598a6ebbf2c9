"""The seam to what Control keeps: rows that are only ever added, and two documents."""

from typing import Protocol

import msgspec

from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.serve.config.overlay import Overlay


class LedgerRow(msgspec.Struct, frozen=True):
    """A ledger entry as it's kept; `seq` grows, with gaps."""

    seq: int
    entry: LedgerEntry


class AuditRow(msgspec.Struct, frozen=True):
    """
    An audit event as it's kept.

    Attributes:
        seq: grows, with gaps.
        event: what happened.
        prev_hash: 32 bytes of BLAKE2b over the row before and its own `prev_hash`: a row that's changed or missing later breaks the chain.
    """

    seq: int
    event: AuditEvent
    prev_hash: bytes


class Accepted(msgspec.Struct, frozen=True):
    """
    The Router's settings that were last accepted.

    Attributes:
        fingerprint: of `DynamicConfig.fingerprint`.
        at_ns: when, nanoseconds since 1970 UTC.
        document: JSON, as the cluster file has it: secrets are references.
    """

    fingerprint: str
    at_ns: int
    document: bytes


class LedgerStore(Protocol):
    """Keeps rows. Each call returns once its rows are on disk, and raises NoTarget (503) when they can't be."""

    async def append(self, journal: Journal) -> None:
        """Add the rows that aren't there yet, all or none: sending a journal twice changes nothing."""
        ...

    async def list_entries(self, after: int, limit: int) -> list[LedgerRow]:
        """Up to `limit` entries with a `seq` above `after`, in order."""
        ...

    async def list_events(self, after: int, limit: int) -> list[AuditRow]:
        """Up to `limit` events with a `seq` above `after`, in order."""
        ...


class SettingsStore(Protocol):
    """Keeps the overlay and the accepted settings; a change and the event that tells of it are written together."""

    async def get_overlay(self) -> Overlay:
        """The overlay; the empty one in a new store."""
        ...

    async def put_overlay(self, overlay: Overlay, event: AuditEvent) -> None:
        """Replace it."""
        ...

    async def find_accepted(self) -> Accepted | None:
        """The accepted settings, if there are any yet."""
        ...

    async def put_accepted(self, accepted: Accepted, event: AuditEvent) -> None:
        """Replace them."""
        ...


class ControlStore(LedgerStore, SettingsStore, Protocol):
    """All that Control keeps."""
