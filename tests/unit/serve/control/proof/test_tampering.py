"""Whatever is changed in an audit log is found."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from turnout.models.ledger import AuditEvent, Journal
from turnout.serve.control.proof.checkpoint import Signer, hash_line, to_line, try_read_line
from turnout.serve.control.proof.files import CHECKPOINT_FILE, KEY_FILE, get_public_key
from turnout.serve.control.proof.notary import Notary
from turnout.serve.control.proof.verify import Verdict, verify_folder
from turnout.serve.control.sqlite import SqliteStore, chain_hash, digest_event
from turnout.serve.control.state_dir import STORE_FILE

ROWS = 30
Tamper = Callable[[sqlite3.Connection, Path, random.Random], None]


def event(n: int) -> AuditEvent:
    return AuditEvent(1_700_000_000_000_000_000 + n, f"key-{n % 3}", "target.change", f"t{n}", f'{{"weight": {n}}}')


async def write_log(folder: Path) -> None:
    """30 rows with a checkpoint after every fifth, as Control leaves them when it's stopped."""
    folder.mkdir()
    store = SqliteStore.open(folder / STORE_FILE, linger_s=0)
    notary = await Notary.open(store.committer, folder, lambda: 17)
    for n in range(ROWS):
        await store.append(Journal((), (event(n),)))
        if n % 5 == 4:
            await notary.sign()
    await notary.close()
    await store.close()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs") / "whole"
    asyncio.run(write_log(folder))
    return folder


def verify(folder: Path, kept: tuple[str, ...] = ()) -> Verdict:
    return verify_folder(folder, get_public_key(folder), kept, lambda seconds: None)


def edit_row(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    column = rng.choice(["at_ns", "actor", "action", "subject", "detail"])
    value: object = rng.randrange(10**6) if column == "at_ns" else rng.choice(["", "admin!", b"\xff\xfe", "x" * 999, 7])
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, rng.randint(1, ROWS)))


def edit_row_and_its_digest(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    seq = rng.randint(1, ROWS)
    row = AuditEvent(5, "admin", "nothing.happened", "", "{}")
    db.execute(
        "UPDATE audit SET at_ns = 5, actor = 'admin', action = 'nothing.happened', subject = '', detail = '{}', digest = ? WHERE seq = ?",
        (digest_event(row), seq),
    )


def write_the_rest_of_the_chain_anew(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    edit_row_and_its_digest(db, folder, rng)
    chain_again(db)


def delete_rows_and_chain_again(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    delete_rows(db, folder, rng)
    chain_again(db)


def chain_again(db: sqlite3.Connection) -> None:
    head = bytes(32)
    for seq, digest in db.execute("SELECT seq, digest FROM audit ORDER BY seq").fetchall():
        db.execute("UPDATE audit SET prev_hash = ? WHERE seq = ?", (head, seq))
        head = chain_hash(head, digest)


def edit_hash(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    column = rng.choice(["prev_hash", "digest"])
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (rng.randbytes(32), rng.randint(1, ROWS)))


def delete_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    for seq in rng.sample(range(1, ROWS + 1), rng.randint(1, 4)):
        db.execute("DELETE FROM audit WHERE seq = ?", (seq,))


def cut_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    db.execute("DELETE FROM audit WHERE seq > ?", (rng.randint(0, ROWS - 1),))


def cut_rows_and_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    number = rng.randint(1, last - 1)
    (line,) = db.execute("SELECT line FROM audit_checkpoint WHERE number = ?", (number,)).fetchone()
    checkpoint = try_read_line(line)
    assert checkpoint is not None
    db.execute("DELETE FROM audit_checkpoint WHERE number > ?", (number,))
    db.execute("DELETE FROM audit WHERE seq > ?", (checkpoint.seq,))


def swap_rows(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    one, other = rng.sample(range(1, ROWS + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))


def insert_row(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    seq, row = rng.randint(1, ROWS + 1), event(999)
    db.execute("UPDATE audit SET seq = -seq WHERE seq >= ?", (seq,))
    db.execute("UPDATE audit SET seq = 1 - seq WHERE seq < 0")
    before = db.execute("SELECT prev_hash, digest FROM audit WHERE seq = ?", (seq - 1,)).fetchone()
    head = chain_hash(*before) if before else bytes(32)
    fields = (seq, row.at_ns, row.actor, row.action, row.subject, row.detail, digest_event(row), head)
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fields)


def edit_checkpoint(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    (number, line) = rng.choice(db.execute("SELECT number, line FROM audit_checkpoint").fetchall())
    place = rng.randrange(len(line))
    other = chr(33 + (ord(line[place]) - 33 + rng.randint(1, 90)) % 93)
    changed = line[:place] + other + line[place + 1 :]
    db.execute("UPDATE audit_checkpoint SET line = ? WHERE number = ?", (changed, number))
    if rng.random() < 0.5:
        replace_lines(folder, lambda lines: [changed if each == line else each for each in lines])


def sign_checkpoints_with_another_key(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    signer, before, lines = Signer(rng.randbytes(32)), "", []
    for number, line in db.execute("SELECT number, line FROM audit_checkpoint ORDER BY number").fetchall():
        old = try_read_line(line)
        assert old is not None
        before = to_line(signer.sign(replace(old, before=hash_line(before), signature="")))
        lines.append(before)
        db.execute("UPDATE audit_checkpoint SET line = ? WHERE number = ?", (before, number))
    replace_lines(folder, lambda _: lines)


def delete_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    numbers = [number for (number,) in db.execute("SELECT number FROM audit_checkpoint").fetchall()]
    for number in rng.sample(numbers, rng.randint(1, len(numbers))):
        db.execute("DELETE FROM audit_checkpoint WHERE number = ?", (number,))


def delete_every_checkpoint_everywhere(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    db.execute("DELETE FROM audit_checkpoint")
    (folder / CHECKPOINT_FILE).unlink()


def delete_one_checkpoint_everywhere(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    number = rng.randint(1, last - 1)
    db.execute("DELETE FROM audit_checkpoint WHERE number = ?", (number,))
    if rng.random() < 0.5:
        db.execute("UPDATE audit_checkpoint SET number = number - 1 WHERE number > ?", (number,))
    replace_lines(folder, lambda lines: lines[: number - 1] + lines[number:])


def swap_checkpoints(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    one, other = rng.sample(range(1, last + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        db.execute("UPDATE audit_checkpoint SET number = ? WHERE number = ?", (new, old))


def insert_checkpoint(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    number, line = rng.choice(db.execute("SELECT number, line FROM audit_checkpoint").fetchall())
    (last,) = db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()
    db.execute("INSERT INTO audit_checkpoint VALUES (?, ?)", (last + rng.randint(1, 3), line))


def cut_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    path = folder / CHECKPOINT_FILE
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def edit_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    path = folder / CHECKPOINT_FILE
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] = (content[place] + rng.randint(1, 255)) % 256
    path.write_bytes(bytes(content))


def add_to_the_file(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    replace_lines(folder, lambda lines: [*lines, rng.choice(lines)])


def put_an_older_store_in_its_place(db: sqlite3.Connection, folder: Path, rng: random.Random) -> None:
    cut_rows_and_checkpoints(db, folder, rng)


def replace_lines(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / CHECKPOINT_FILE
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


TAMPERS: list[Tamper] = [
    edit_row, edit_row_and_its_digest, write_the_rest_of_the_chain_anew, delete_rows_and_chain_again, edit_hash, delete_rows, cut_rows,
    cut_rows_and_checkpoints, swap_rows, insert_row, edit_checkpoint, sign_checkpoints_with_another_key, delete_checkpoints,
    delete_every_checkpoint_everywhere, delete_one_checkpoint_everywhere, swap_checkpoints, insert_checkpoint, cut_the_file, edit_the_file,
    add_to_the_file,
]  # fmt: skip


def test_a_log_that_nobody_touched_has_no_flaws(log: Path) -> None:
    verdict = verify(log)
    assert (verdict.rows, verdict.unsigned_rows, verdict.flaws) == (ROWS, 0, ())
    assert verdict.checkpoints == 1 + ROWS // 5 + 1


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_changed_is_found(log: Path, tmp_path: Path, tamper: Tamper, seed: int) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    db = sqlite3.connect(folder / STORE_FILE)
    tamper(db, folder, random.Random(seed))
    db.commit()
    db.close()
    assert verify(folder).flaws


@pytest.mark.parametrize("seq", [1, 2, 17, ROWS])
def test_the_first_bad_row_is_named(log: Path, tmp_path: Path, seq: int) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    with sqlite3.connect(folder / STORE_FILE) as db:
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq >= ?", (seq,))
    flaw = verify(folder).flaws[0]
    assert (flaw.where, flaw.number) == ("row", seq)


def test_a_store_and_its_file_that_were_both_cut_show_against_a_checkpoint_kept_elsewhere(
    log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    kept = (folder / CHECKPOINT_FILE).read_text().splitlines()[-1]
    db = sqlite3.connect(folder / STORE_FILE)
    db.execute("DELETE FROM audit_checkpoint WHERE number > 3")
    db.execute("DELETE FROM audit WHERE seq > 10")
    db.commit()
    db.close()
    replace_lines(folder, lambda lines: lines[:3])
    assert not verify(folder).flaws
    assert verify(folder, (kept,)).flaws


async def test_control_mends_a_file_that_a_kill_left_behind(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    path = folder / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:-40])
    store = SqliteStore.open(folder / STORE_FILE)
    notary = await Notary.open(store.committer, folder, lambda: 18)
    assert notary.is_whole
    await notary.close()
    await store.close()
    assert not verify(folder).flaws


async def test_control_says_that_rows_were_removed_while_it_was_away_and_that_stays_visible(
    log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    with sqlite3.connect(folder / STORE_FILE) as db:
        db.execute("DELETE FROM audit WHERE seq = ?", (ROWS,))
    store = SqliteStore.open(folder / STORE_FILE)
    notary = await Notary.open(store.committer, folder, lambda: 18)
    await store.append(Journal((), (event(77),)))
    assert not notary.is_whole
    await notary.close()
    await store.close()
    assert verify(folder).flaws


async def test_control_notices_a_change_while_it_works(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    store = SqliteStore.open(folder / STORE_FILE)
    notary = await Notary.open(store.committer, folder, lambda: 18)
    await store.append(Journal((), (event(77),)))
    await store.committer.write(lambda db: db.execute("UPDATE audit SET actor = 'x' WHERE seq > ?", (ROWS,)))
    await notary.sign()
    assert not notary.is_whole
    await notary.close()
    await store.close()


def test_the_key_is_for_its_owner_only(log: Path) -> None:
    assert (log / KEY_FILE).stat().st_mode & 0o777 == 0o600
