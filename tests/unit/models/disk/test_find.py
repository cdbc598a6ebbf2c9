"""A name becomes a folder without asking anybody."""

from pathlib import Path

import pytest

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import Origin, Store, default_store, find, list_models, write_origin


def origin(name: str) -> Origin:
    return Origin(name, "wheel", "project", "1.0", "0" * 64, "MIT", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", tmp_path / "hub")


def stored(store: Store, name: str) -> Path:
    folder = store.folder_of(name)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    write_origin(folder, origin(name))
    return folder


def test_a_pulled_name_is_its_folder_in_the_store(store: Store) -> None:
    folder = stored(store, "smollm2")
    assert find("smollm2", store) == folder


def test_a_folder_works_as_it_is(store: Store, tmp_path: Path) -> None:
    assert find(str(tmp_path), store) == tmp_path


def test_a_relative_folder_with_a_config_works(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert find("mine", store) == tmp_path / "mine"


def test_a_pulled_name_wins_over_a_folder_that_happens_to_lie_here(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "smollm2").mkdir()
    (tmp_path / "smollm2" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    folder = stored(store, "smollm2")
    assert find("smollm2", store) == folder


@pytest.mark.parametrize("name", ["smollm2", "org/name"])
def test_the_error_names_the_command_that_mends_it(store: Store, name: str) -> None:
    with pytest.raises(ModelNotOnDisk, match=f"run: turnout models pull {name}"):
        find(name, store)


def test_an_unknown_word_is_answered_with_what_there_is(store: Store) -> None:
    with pytest.raises(ModelNotOnDisk, match=r"'gpt-9'.*turnout models pull smollm2 or turnout models pull minilm"):
        find("gpt-9", store)


def test_a_path_that_is_not_there_is_said_to_be_a_path(store: Store) -> None:
    with pytest.raises(ModelNotOnDisk, match="folder '/nowhere/at/all' doesn't exist"):
        find("/nowhere/at/all", store)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/../../b", "org/../name", "org//name", "org/name/more", "-x/y", "smollm2\n"]
)
def test_a_name_never_leads_out_of_the_store(store: Store, name: str) -> None:
    stored(store, "smollm2")
    with pytest.raises(ModelNotOnDisk):
        find(name, store)


def test_a_broken_origin_is_an_error_with_a_mend(store: Store) -> None:
    folder = stored(store, "smollm2")
    (folder / "model.json").write_text("{")
    with pytest.raises(ModelNotOnDisk, match="run: turnout models pull smollm2"):
        find("smollm2", store)


def test_the_list_has_what_is_whole_and_nothing_else(store: Store) -> None:
    stored(store, "smollm2")
    (store.root / ".minilm.abc.part").mkdir()
    (store.root / "stray").mkdir()
    broken = stored(store, "minilm")
    (broken / "model.json").write_text("{")
    models = list_models(store)
    assert [(m.origin.name, m.path) for m in models] == [("smollm2", store.folder_of("smollm2"))]
    assert models[0].size_bytes > len(b"weights")


def test_a_store_that_was_never_used_lists_nothing(store: Store) -> None:
    assert list_models(store) == []


@pytest.mark.parametrize(
    ("environ", "root"),
    [
        ({"TURNOUT_MODELS": "/srv/models", "XDG_CACHE_HOME": "/x"}, "/srv/models"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/turnout/models"),
        ({"XDG_CACHE_HOME": "relative"}, "~/.cache/turnout/models"),
        ({"TURNOUT_MODELS": "", "XDG_CACHE_HOME": ""}, "~/.cache/turnout/models"),
        ({}, "~/.cache/turnout/models"),
    ],
)
def test_the_store_is_where_the_environment_says(environ: dict[str, str], root: str) -> None:
    assert default_store(environ).root == Path(root).expanduser()
