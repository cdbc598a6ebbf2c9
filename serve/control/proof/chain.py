"""Finds where an audit log isn't what was written: pure, row by row, so that a log of any length can be verified."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from turnout.models.ledger import AuditEvent
from turnout.serve.control.events import chain_hash, digest_event
from turnout.serve.control.proof.checkpoint import GENESIS, Checkpoint, PublicKey, hash_line, try_read_line

StoredRow = tuple[Any, ...]
"""`(seq, prev_hash, digest, at_ns, actor, action, subject, detail)` as the store has it; whatever it has may have been tampered with."""


class Flaw(msgspec.Struct, frozen=True):
    """
    Something that isn't as it was written.

    Attributes:
        where: `row`, `checkpoint` (of the store) or `line` (of the file beside it).
        number: the row's `seq`, the checkpoint's or the line's number.
        what: a sentence.
    """

    where: str
    number: int
    what: str


class Chain:
    """
    Takes rows in their order and compares them with the checkpoints; stops at the first row that's wrong, since nothing after it can be trusted.

    Attributes:
        rows: how many were right.
        flaw: the first that's wrong, or None.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._awaited = list(reversed(checkpoints))
        self._head = GENESIS
        self._seq = 0
        self.rows = 0
        self.flaw: Flaw | None = None
        self._meet(0)

    def take(self, rows: Iterable[StoredRow]) -> bool:
        """Look at more rows; False when one was wrong."""
        if self.flaw is not None:
            return False
        head = self._head
        awaited = self._awaited[-1].seq if self._awaited else -1
        for seq, prev_hash, digest, *fields in rows:
            if prev_hash != head:
                return self._fail(
                    seq,
                    "doesn't follow from the row before it: one of the two was changed, or rows were removed, added or moved",
                )
            if not stands_for(digest, fields):
                return self._fail(seq, "isn't what was written: its digest is another")
            head = chain_hash(prev_hash, digest)
            self.rows += 1
            self._seq = seq
            if awaited >= 0 and seq >= awaited:
                self._head = head
                if not self._meet(seq):
                    return False
                awaited = self._awaited[-1].seq if self._awaited else -1
        self._head = head
        return True

    def end(self) -> Flaw | None:
        """The first flaw, now that there are no more rows."""
        if self.flaw is None and self._awaited:
            missing = self._awaited[-1]
            self._fail(
                self._seq,
                f"is the last, but checkpoint {missing.number} was made after row {missing.seq}: rows were cut off",
            )
        return self.flaw

    def _meet(self, seq: int) -> bool:
        """Compare with each checkpoint that was made at or before `seq`."""
        while self._awaited and self._awaited[-1].seq <= seq:
            checkpoint = self._awaited.pop()
            if (checkpoint.seq, checkpoint.rows, checkpoint.head) != (seq, self.rows, self._head.hex()):
                return self._fail(
                    seq, f"isn't what checkpoint {checkpoint.number} says of it: rows up to here were written anew"
                )
        return True

    def _fail(self, seq: object, what: str) -> bool:
        self.flaw = Flaw("row", seq if isinstance(seq, int) else -1, what)
        return False


def check_lines(lines: Sequence[str], key: PublicKey) -> tuple[list[Checkpoint], Flaw | None]:
    """The checkpoints of these lines up to the first that's wrong, and what's wrong with that."""
    good: list[Checkpoint] = []
    before = ""
    for number, line in enumerate(lines, 1):
        checkpoint = try_read_line(line)
        if checkpoint is None:
            return good, Flaw("checkpoint", number, "isn't a checkpoint")
        if not key.has_signed(checkpoint):
            return good, Flaw("checkpoint", number, "has a signature that isn't this key's")
        if checkpoint.number != number or checkpoint.before != hash_line(before):
            return good, Flaw(
                "checkpoint", number, "doesn't follow from the one before it: some were removed, added or moved"
            )
        good.append(checkpoint)
        before = line
    return good, None


def compare_lines(stored: Sequence[str], beside: Sequence[str]) -> Flaw | None:
    """What differs between the checkpoints of the store and those of the file beside it."""
    for number, (one, other) in enumerate(zip(stored, beside, strict=False), 1):
        if one != other:
            return Flaw("line", number, "of the file isn't what the store has")
    if len(stored) < len(beside):
        return Flaw(
            "checkpoint",
            len(stored) + 1,
            "is in the file, but not in the store: the store was cut, or an older one was put in its place",
        )
    if len(stored) > len(beside):
        return Flaw(
            "line",
            len(beside) + 1,
            "is missing in the file: it was cut, or Control was killed while it wrote (its next start then adds it)",
        )
    return None


def stands_for(digest: object, fields: list[Any]) -> bool:
    """Whether `digest` is that of the event with these fields, whatever they are."""
    try:
        return digest == digest_event(AuditEvent(*fields))
    except (TypeError, ValueError, OverflowError):
        return False
