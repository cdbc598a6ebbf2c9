"""Whatever is changed in an audit log is found."""

import asyncio
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from turnout.benchmarks.scenarios.ledger.audit import write_log
from turnout.benchmarks.scenarios.ledger.tampering import ROWS, TAMPERS, Tamper, make_event, replace_lines, tamper_with
from turnout.models.ledger import Journal
from turnout.serve.control.proof.files import CHECKPOINT_FILE, KEY_FILE, get_public_key
from turnout.serve.control.proof.notary import Notary
from turnout.serve.control.proof.verify import Verdict, verify_folder
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.control.state_dir import STORE_FILE


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs") / "whole"
    folder.mkdir()
    asyncio.run(write_log(folder, ROWS, 5))
    return folder


def verify(folder: Path, kept: tuple[str, ...] = ()) -> Verdict:
    return verify_folder(folder, get_public_key(folder), kept, lambda seconds: None)


def test_a_log_that_nobody_touched_has_no_flaws(log: Path) -> None:
    verdict = verify(log)
    assert (verdict.rows, verdict.unsigned_rows, verdict.flaws) == (ROWS, 0, ())
    assert verdict.checkpoints == 1 + ROWS // 5 + 1


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_changed_is_found(log: Path, tmp_path: Path, tamper: Tamper, seed: int) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    tamper_with(folder, tamper, random.Random(seed))
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
    await store.append(Journal((), (make_event(77),)))
    assert not notary.is_whole
    await notary.close()
    await store.close()
    assert verify(folder).flaws


async def test_control_notices_a_change_while_it_works(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(log, folder)
    store = SqliteStore.open(folder / STORE_FILE)
    notary = await Notary.open(store.committer, folder, lambda: 18)
    await store.append(Journal((), (make_event(77),)))
    await store.committer.write(lambda db: db.execute("UPDATE audit SET actor = 'x' WHERE seq > ?", (ROWS,)))
    await notary.sign()
    assert not notary.is_whole
    await notary.close()
    await store.close()


def test_the_key_is_for_its_owner_only(log: Path) -> None:
    assert (log / KEY_FILE).stat().st_mode & 0o777 == 0o600
