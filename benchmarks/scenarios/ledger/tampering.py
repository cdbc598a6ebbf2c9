"""The ways in which somebody who can write to Control's folder, but not read the key in it, might change the audit log."""

# Every way takes the same arguments, whether it needs them or not.
# ruff: noqa: ARG001

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from turnout.models.ledger import AuditEvent
from turnout.serve.control.events import chain_hash, digest_event
from turnout.serve.control.proof.checkpoint import Signer, hash_line, to_line, try_read_line
from turnout.serve.control.proof.files import CHECKPOINT_FILE
from turnout.serve.control.state_dir import STORE_FILE

ROWS = 30
Tamper = Callable[[sqlite3.Connection, Path, random.Random], None]


def make_event(n: int) -> AuditEvent:
    """The n-th event of a made-up log."""
    return AuditEvent(1_700_000_000_000_000_000 + n, f"key-{n % 3}", "target.change", f"t{n}", f'{{"weight": {n}}}')


def tamper_with(folder: Path, tamper: Tamper, randomness: random.Random) -> None:
    """Change the log of `ROWS` rows in `folder`, whose Control is stopped, in one of the ways."""
    connection = sqlite3.connect(folder / STORE_FILE)
    try:
        tamper(connection, folder, randomness)
        connection.commit()
    finally:
        connection.close()


def edit_row(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """One column of one row."""
    column = rng.choice(["at_ns", "actor", "action", "subject", "detail"])
    value: object = rng.randrange(10**6) if column == "at_ns" else rng.choice(["", "admin!", b"\xff\xfe", "x" * 999, 7])
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, rng.randint(1, ROWS)))


def edit_row_and_its_digest(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A row, with the digest that belongs to it now."""
    seq = rng.randint(1, ROWS)
    row = AuditEvent(5, "admin", "nothing.happened", "", "{}")
    db.execute(
        "UPDATE audit SET at_ns = 5, actor = 'admin', action = 'nothing.happened', subject = '', detail = '{}', digest = ? WHERE seq = ?",
        (digest_event(row), seq),
    )


def write_the_rest_of_the_chain_anew(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A row, with every hash after it made anew."""
    edit_row_and_its_digest(db, folder, rng)
    chain_again(db)


def delete_rows_and_chain_again(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Rows away, with every hash made anew."""
    delete_rows(db, folder, rng)
    chain_again(db)


def chain_again(db: sqlite3.Connection) -> None:
    """Make every hash anew."""
    head = bytes(32)
    for seq, digest in db.execute("SELECT seq, digest FROM audit ORDER BY seq").fetchall():
        db.execute("UPDATE audit SET prev_hash = ? WHERE seq = ?", (head, seq))
        head = chain_hash(head, digest)


def edit_hash(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A hash alone."""
    column = rng.choice(["prev_hash", "digest"])
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (rng.randbytes(32), rng.randint(1, ROWS)))


def delete_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Some rows away."""
    for seq in rng.sample(range(1, ROWS + 1), rng.randint(1, 4)):
        db.execute("DELETE FROM audit WHERE seq = ?", (seq,))


def cut_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """The last rows away."""
    db.execute("DELETE FROM audit WHERE seq > ?", (rng.randint(0, ROWS - 1),))


def cut_rows_and_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """An older store in its place."""
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    number = rng.randint(1, last - 1)
    (line,) = db.execute("SELECT line FROM audit_checkpoint WHERE number = ?", (number,)).fetchone()
    checkpoint = try_read_line(line)
    assert checkpoint is not None
    db.execute("DELETE FROM audit_checkpoint WHERE number > ?", (number,))
    db.execute("DELETE FROM audit WHERE seq > ?", (checkpoint.seq,))


def swap_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Two rows in each other's places."""
    one, other = rng.sample(range(1, ROWS + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))


def insert_row(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A row more, chained to the one before it."""
    seq, row = rng.randint(1, ROWS + 1), make_event(999)
    db.execute("UPDATE audit SET seq = -seq WHERE seq >= ?", (seq,))
    db.execute("UPDATE audit SET seq = 1 - seq WHERE seq < 0")
    before = db.execute("SELECT prev_hash, digest FROM audit WHERE seq = ?", (seq - 1,)).fetchone()
    head = chain_hash(*before) if before else bytes(32)
    fields = (seq, row.at_ns, row.actor, row.action, row.subject, row.detail, digest_event(row), head)
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)


def edit_checkpoint(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """One letter of a checkpoint, in the store or everywhere."""
    (number, line) = rng.choice(db.execute("SELECT number, line FROM audit_checkpoint").fetchall())
    place = rng.randrange(len(line))
    other = chr(33 + (ord(line[place]) - 33 + rng.randint(1, 90)) % 93)
    changed = line[:place] + other + line[place + 1 :]
    db.execute("UPDATE audit_checkpoint SET line = ? WHERE number = ?", (changed, number))
    if rng.random() < 0.5:
        replace_lines(folder, lambda lines: [changed if each == line else each for each in lines])


def sign_checkpoints_with_another_key(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Every checkpoint signed again by somebody else."""
    signer, before, lines = Signer(rng.randbytes(32)), "", []
    for number, line in db.execute("SELECT number, line FROM audit_checkpoint ORDER BY number").fetchall():
        old = try_read_line(line)
        assert old is not None
        before = to_line(signer.sign(replace(old, before=hash_line(before), signature="")))
        lines.append(before)
        db.execute("UPDATE audit_checkpoint SET line = ? WHERE number = ?", (before, number))
    replace_lines(folder, lambda _: lines)


def delete_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Checkpoints away from the store."""
    numbers = [number for (number,) in db.execute("SELECT number FROM audit_checkpoint").fetchall()]
    for number in rng.sample(numbers, rng.randint(1, len(numbers))):
        db.execute("DELETE FROM audit_checkpoint WHERE number = ?", (number,))


def delete_every_checkpoint_everywhere(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """All checkpoints away."""
    db.execute("DELETE FROM audit_checkpoint")
    (folder / CHECKPOINT_FILE).unlink()


def delete_one_checkpoint_everywhere(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A checkpoint away from store and file."""
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    number = rng.randint(1, last - 1)
    db.execute("DELETE FROM audit_checkpoint WHERE number = ?", (number,))
    if rng.random() < 0.5:
        db.execute("UPDATE audit_checkpoint SET number = number - 1 WHERE number > ?", (number,))
    replace_lines(folder, lambda lines: lines[: number - 1] + lines[number:])


def swap_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """Two checkpoints in each other's places."""
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    one, other = rng.sample(range(1, last + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        db.execute("UPDATE audit_checkpoint SET number = ? WHERE number = ?", (new, old))


def insert_checkpoint(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A checkpoint twice."""
    (line,) = rng.choice(db.execute("SELECT line FROM audit_checkpoint").fetchall())
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    db.execute("INSERT INTO audit_checkpoint VALUES (?, ?)", (last + rng.randint(1, 3), line))


def cut_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """The end of the file away."""
    path = folder / CHECKPOINT_FILE
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def edit_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """One byte of the file."""
    path = folder / CHECKPOINT_FILE
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] = (content[place] + rng.randint(1, 255)) % 256
    path.write_bytes(bytes(content))


def add_to_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    """A line more in the file."""
    replace_lines(folder, lambda lines: [*lines, rng.choice(lines)])


def replace_lines(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Write the file's lines anew."""
    path = folder / CHECKPOINT_FILE
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


TAMPERS: list[Tamper] = [
    edit_row, edit_row_and_its_digest, write_the_rest_of_the_chain_anew, delete_rows_and_chain_again, edit_hash, delete_rows, cut_rows,
    cut_rows_and_checkpoints, swap_rows, insert_row, edit_checkpoint, sign_checkpoints_with_another_key, delete_checkpoints,
    delete_every_checkpoint_everywhere, delete_one_checkpoint_everywhere, swap_checkpoints, insert_checkpoint, cut_the_file, edit_the_file,
    add_to_the_file,
]  # fmt: skip
"""Every way."""
