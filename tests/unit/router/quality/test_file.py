"""A predictor's file gives back what was saved, and nothing else is taken for one."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.unit.router.quality.labels import make_table
from turnout.router.quality import file
from turnout.router.quality.file import BadPredictorFile, load, save
from turnout.router.quality.fit import fit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "quality.npz"
    save(fit(make_table(60, seed=1), {}, "minilm-abc", np.random.default_rng(0)), target)
    return target


def rewrite(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, old in entries.items():
            archive.writestr(entry, content if entry == name else old)


def test_what_is_loaded_predicts_what_was_saved(tmp_path: Path) -> None:
    predictor = fit(make_table(60, seed=1), {}, "minilm-abc", np.random.default_rng(0))
    save(predictor, tmp_path / "quality.npz")
    again = load(tmp_path / "quality.npz", "minilm-abc")
    fresh = make_table(5, seed=2)
    assert again.models == predictor.models
    assert np.array_equal(
        again.predict_all(fresh.lexical, fresh.embeddings), predictor.predict_all(fresh.lexical, fresh.embeddings)
    )
    assert np.array_equal(again.predict_all(fresh.lexical), predictor.predict_all(fresh.lexical))


def test_no_prompt_and_no_prompts_embedding_is_in_the_file(tmp_path: Path) -> None:
    few, many = tmp_path / "few.npz", tmp_path / "many.npz"
    for target, count in ((few, 50), (many, 500)):
        save(fit(make_table(count, seed=3), {}, "x", np.random.default_rng(0)), target)
    assert few.stat().st_size == many.stat().st_size


def test_another_embedders_predictor_is_refused(path: Path) -> None:
    with pytest.raises(BadPredictorFile, match=r"'minilm-abc'.*'other-1'"):
        load(path, "other-1")
    assert load(path).embedder == "minilm-abc"


def test_what_is_no_predictor_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "x"
    for content in (b"", b"hello", pickle.dumps([1]), b"PK\x03\x04broken"):
        target.write_bytes(content)
        with pytest.raises(BadPredictorFile, match="turnout routes fit"):
            load(target)


def test_pickled_objects_are_never_loaded(path: Path) -> None:
    evil = io.BytesIO()
    np.save(evil, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    rewrite(path, "mean.npy", evil.getvalue())
    with pytest.raises(BadPredictorFile, match="pickle"):
        load(path)


@pytest.mark.parametrize("array", [np.zeros(3), np.full((2, 2), np.nan), np.array(["a", "b"])])
def test_arrays_of_another_shape_or_without_numbers_are_refused(path: Path, array: np.ndarray) -> None:  # type: ignore[type-arg]
    content = io.BytesIO()
    np.save(content, array)
    rewrite(path, "full_curves.npy", content.getvalue())
    with pytest.raises(BadPredictorFile, match="full_curves"):
        load(path)


def test_another_version_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        head = archive.read("head.json")
    rewrite(path, "head.json", head.replace(b'"version":1', b'"version":2'))
    with pytest.raises(BadPredictorFile, match="version 2"):
        load(path)


def test_a_file_too_large_to_be_one_is_not_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(file.MAX_BYTES + 1))
    with pytest.raises(BadPredictorFile, match="unpacks to"):
        load(path)
