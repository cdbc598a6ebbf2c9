"""Signs how far the audit log has come, again and again while Control works."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from turnout.models.errors import TurnoutError
from turnout.serve.config.secret import ConfigError
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.events import chain_hash
from turnout.serve.control.proof.chain import stands_for
from turnout.serve.control.proof.checkpoint import GENESIS, Checkpoint, Signer, hash_line, to_line, try_read_line
from turnout.serve.control.proof.files import KEY_FILE, append_lines, get_signer, read_lines

PERIOD_S = 1.0
"""Rows are covered by a signature at most so long after they were written. None is made where there are no new rows."""

SELECT_ROWS = (
    "SELECT seq, prev_hash, digest, at_ns, actor, action, subject, detail FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
)
MAX_SEQ = 2**63 - 1
_log = logging.getLogger("turnout.audit")


class Notary:
    """
    Owner of the checkpoints, in the store and in the file beside it.

    Before it signs, it looks whether the rows since its last checkpoint follow from that one. If they don't, it says so in the log and in the
    checkpoint's reason, and goes on: `verify` finds the place for ever, because checkpoints are never taken back.
    """

    def __init__(self, committer: Committer, folder: Path, signer: Signer, wall_ns: Callable[[], int]) -> None:
        """`open` makes one."""
        self._committer = committer
        self._folder = folder
        self._signer = signer
        self._wall_ns = wall_ns
        self._last: Checkpoint | None = None
        self._last_line = ""
        self._unsaved: list[str] = []
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.is_whole = True

    def __repr__(self) -> str:
        return f"Notary(last={self._last.number if self._last else 0}, is_whole={self.is_whole})"

    @property
    def public_key(self) -> str:
        """64 hex digits: keep them elsewhere, so that a change of the key shows."""
        return self._signer.public_key

    @classmethod
    async def open(cls, committer: Committer, folder: Path, wall_ns: Callable[[], int]) -> "Notary":
        """
        Make the key if the store is new, add to the file what a kill kept from it, and sign the start.

        Raises:
            ConfigError: the key can't be used, or isn't there though there are checkpoints.
        """
        stored = await committer.read(_read_stored)
        if stored and not (folder / KEY_FILE).exists():
            raise ConfigError(
                f"{str(folder / KEY_FILE)!r} isn't there, but the store has checkpoints that it signed: copy it from where Control "
                "ran before, or set audit_key"
            )
        notary = cls(committer, folder, get_signer(folder), wall_ns)
        beside = await asyncio.to_thread(read_lines, folder)
        longer = max(stored, beside, key=len)
        if stored[: len(beside)] != beside:
            notary._complain("the checkpoints of the store and of the file beside it differ")
        elif len(beside) < len(stored):
            notary._unsaved = stored[len(beside) :]
        notary._last = try_read_line(longer[-1]) if longer else None
        notary._last_line = longer[-1] if longer else ""
        await notary.sign("start" if notary.is_whole else "gap")
        return notary

    @property
    def is_running(self) -> bool:
        """Whether the work goes on that `start` began."""
        return self._task is not None and not self._task.done()

    def start(self, period_s: float = PERIOD_S) -> None:
        """Sign every `period_s` seconds where there are new rows; `close` ends it."""
        self._task = asyncio.get_running_loop().create_task(self._sign_for_ever(period_s))

    async def close(self) -> None:
        """Sign the end; the store is closed after it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.sign("stop")

    async def sign(self, reason: str = "time") -> None:
        """Write a checkpoint, if there are rows since the last, or if it's for a start or stop. Failing is logged, and made good the next time."""
        async with self._working:
            try:
                line = await self._committer.write(lambda connection: self._write(connection, reason))
                if line:
                    self._last, self._last_line = try_read_line(line), line
                    self._unsaved.append(line)
                if self._unsaved:
                    await asyncio.to_thread(append_lines, self._folder, self._unsaved)
                    self._unsaved = []
            except (TurnoutError, OSError) as error:
                _log.error("no checkpoint of the audit log could be written, the next time will try again: %s", error)

    async def _sign_for_ever(self, period_s: float) -> None:
        while True:
            await asyncio.sleep(period_s)
            await self.sign()

    def _write(self, connection: Connection, reason: str) -> str:
        """On the committer's thread: the new checkpoint's line, or "" if none was needed."""
        last = self._last
        (head_seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
        if reason == "time" and last is not None and head_seq == last.seq:
            return ""
        reached = _try_follow(connection, last)
        if reached is None:
            self._complain("rows that a checkpoint had covered were changed or removed")
            reason, reached = "gap", _count_anew(connection)
        seq, rows, head = reached
        checkpoint = Checkpoint(
            number=last.number + 1 if last else 1,
            seq=seq,
            rows=rows,
            head=head.hex(),
            at_ns=self._wall_ns(),
            reason=reason,
            before=hash_line(self._last_line),
        )
        line = to_line(self._signer.sign(checkpoint))
        connection.execute("INSERT INTO audit_checkpoint (number, line) VALUES (?, ?)", (checkpoint.number, line))
        _log.info(
            "checkpoint of the audit log", extra={"seq": seq, "head": checkpoint.head, "number": checkpoint.number}
        )
        return line

    def _complain(self, what: str) -> None:
        if self.is_whole:
            _log.error("the audit log isn't what was written: %s; `turnout audit verify` says where", what)
        self.is_whole = False


def _read_stored(connection: Connection) -> list[str]:
    return [line for (line,) in connection.execute("SELECT line FROM audit_checkpoint ORDER BY number")]


def _try_follow(connection: Connection, last: Checkpoint | None) -> tuple[int, int, bytes] | None:
    """The last row's `seq`, how many rows there are, and their head; None where they don't follow from checkpoint `last`."""
    seq, rows, head = (last.seq, last.rows, bytes.fromhex(last.head)) if last else (0, 0, GENESIS)
    if seq:
        covered = connection.execute("SELECT prev_hash, digest FROM audit WHERE seq = ?", (seq,)).fetchone()
        if covered is None or chain_hash(*covered) != head:
            return None
    for row, prev_hash, digest, *fields in connection.execute(SELECT_ROWS, (seq, MAX_SEQ)):
        if prev_hash != head or not stands_for(digest, fields):
            return None
        seq, rows, head = row, rows + 1, chain_hash(prev_hash, digest)
    return seq, rows, head


def _count_anew(connection: Connection) -> tuple[int, int, bytes]:
    """The same without asking whether it's right."""
    (rows,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    last = connection.execute("SELECT seq, prev_hash, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (last[0], rows, chain_hash(*last[1:])) if last else (0, 0, GENESIS)
