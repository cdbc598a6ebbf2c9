"""The folder that belongs to one Control."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from turnout.serve.config.secret import ConfigError
from turnout.serve.control.state_dir import KEY_FILE, StateDir


def test_a_second_control_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    state = StateDir.take(tmp_path / "state")
    with pytest.raises(ConfigError, match=r"in use by another Control \(process \d+\)"):
        StateDir.take(tmp_path / "state")
    state.release()
    StateDir.take(tmp_path / "state").release()


def test_the_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    take = f"StateDir.take(Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"
    take = f"import os; from pathlib import Path; from turnout.serve.control.state_dir import StateDir; {take}"
    assert subprocess.run([sys.executable, "-c", take], check=False).returncode == -9
    StateDir.take(tmp_path).release()


def test_the_admin_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    state = StateDir.take(tmp_path)
    key = state.get_admin_key()
    assert len(key) > 40
    assert state.get_admin_key() == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    state.release()


def test_an_emptied_admin_key_is_refused_rather_than_matching_an_empty_header(tmp_path: Path) -> None:
    state = StateDir.take(tmp_path)
    (tmp_path / KEY_FILE).write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        state.get_admin_key()
    state.release()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be used"):
        StateDir.take(tmp_path / "file")
