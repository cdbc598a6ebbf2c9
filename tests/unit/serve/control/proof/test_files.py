"""The key of the audit log: made once, or given."""

import asyncio
from pathlib import Path

import pytest

from tests.stores import Place
from turnout.models.ledger import AuditEvent, Journal
from turnout.serve.config.secret import ConfigError
from turnout.serve.control.proof.files import KEY_FILE, get_public_key, get_signer, put_key
from turnout.serve.control.proof.notary import Notary
from turnout.serve.control.proof.verify import verify_store

KEY, OTHER = "ab" * 32, "cd" * 32


def test_a_given_key_is_the_folders_for_its_owner_only(tmp_path: Path) -> None:
    put_key(tmp_path, KEY)
    put_key(tmp_path, KEY.upper())
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    put_key(other, KEY)
    assert get_signer(other).public_key == get_signer(tmp_path).public_key


def test_another_key_than_the_folders_is_refused(tmp_path: Path) -> None:
    put_key(tmp_path, KEY)
    with pytest.raises(ConfigError, match="isn't audit_key"):
        put_key(tmp_path, OTHER)


@pytest.mark.parametrize("key", ["", "ab", "xy" * 32, "ab " * 21 + "a"])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="64 hex digits") as refused:
        put_key(tmp_path, key)
    assert not key or key not in str(refused.value)
    assert not (tmp_path / KEY_FILE).exists()


async def test_a_log_goes_on_in_another_folder_with_the_same_key_only(place: Place, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        store = await place.open()
        if number:
            with pytest.raises(ConfigError, match="copy it from where Control ran before"):
                await Notary.open(store.committer, folder, lambda: 17)
        put_key(folder, KEY)
        notary = await Notary.open(store.committer, folder, lambda: 17)
        await store.append(Journal((), (AuditEvent(number, "a", "b", "c", "{}"),)))
        await notary.close()
        await store.close()
        verdict = await asyncio.to_thread(verify_store, store.database, folder, get_public_key(folder))
        assert (verdict.rows, verdict.flaws) == (number + 1, ())
