"""Hub models stay in the hub's cache, pinned to a commit."""

from pathlib import Path

import pytest

from tests.fakes_models import COMMIT, HUB_FILES, one_model_hub
from turnout.models.disk.errors import ModelNotOnDisk, PullFailed
from turnout.models.disk.progress import Progress
from turnout.models.disk.pull import pull
from turnout.models.disk.store import Store, find, find_origin, list_models

pytest.importorskip("huggingface_hub")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", tmp_path / "hub")


@pytest.fixture
def pulled(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[Progress]:
    """`org/tiny`, pulled from a hub that is gone afterwards; what the pull reported."""
    seen: list[Progress] = []
    with one_model_hub() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        pull("org/tiny", seen.append, store)
    return seen


@pytest.mark.usefixtures("pulled")
def test_a_hub_model_is_found_when_the_hub_is_gone(store: Store) -> None:
    folder = find("org/tiny", store)
    assert (folder / "model.safetensors").read_bytes() == HUB_FILES["model.safetensors"]
    assert folder.name == COMMIT


@pytest.mark.usefixtures("pulled")
def test_weights_in_formats_that_nobody_needs_are_not_fetched(store: Store) -> None:
    assert sorted(p.name for p in find("org/tiny", store).iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.usefixtures("pulled")
def test_the_commit_and_the_licence_are_written_down(store: Store) -> None:
    origin = find_origin("org/tiny", store)
    assert origin is not None
    assert (origin.source, origin.version, origin.licence) == ("hub", COMMIT, "apache-2.0")
    assert [m.origin for m in list_models(store)] == [origin]


def test_the_download_is_counted_in_bytes(pulled: list[Progress]) -> None:
    needed = len(HUB_FILES["config.json"]) + len(HUB_FILES["model.safetensors"])
    assert pulled[-1] == Progress("download", needed, needed)


@pytest.mark.usefixtures("pulled")
def test_a_model_that_left_the_hubs_cache_is_named_with_its_mend(store: Store) -> None:
    empty = Store(store.root, store.root / "elsewhere")
    with pytest.raises(ModelNotOnDisk, match="no longer in the hub's cache; run: turnout models pull org/tiny"):
        find("org/tiny", empty)


@pytest.mark.usefixtures("pulled")
def test_what_another_tool_fetched_is_found_without_a_pull(store: Store, tmp_path: Path) -> None:
    assert store.hub_cache is not None
    refs = store.hub_cache / "models--org--tiny" / "refs"
    refs.mkdir(exist_ok=True)
    (refs / "main").write_text(COMMIT)  # our own pull asks for the commit and leaves no branch behind
    assert find("org/tiny", Store(tmp_path / "never-used", store.hub_cache)).name == COMMIT


def test_a_hub_that_cannot_be_reached_is_said_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PullFailed, match=r"the Hugging Face hub did not give 'org/tiny': .*\$HF_ENDPOINT"):
        pull("org/tiny", lambda _: None, store)
    assert [p.name for p in store.root.iterdir()] == [".org--tiny.lock"]


def test_a_model_that_the_hub_does_not_know_is_said_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with one_model_hub() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(PullFailed, match=r"did not give 'org/other': .*404"):
            pull("org/other", lambda _: None, store)
