"""An embedder's fingerprint changes with its weights and with nothing else."""

from pathlib import Path

from turnout.models.embedding.fingerprint import fingerprint


def make_model(folder: Path, weights: bytes = b"1234", record: str = "fetched today") -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "model.json").write_text(record)
    (folder / "README.md").write_text(record)
    return folder


def test_the_same_model_fetched_again_has_the_same_fingerprint(tmp_path: Path) -> None:
    one = make_model(tmp_path / "a" / "minilm")
    other = make_model(tmp_path / "b" / "minilm", record="fetched tomorrow")
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one).startswith("minilm-")


def test_other_weights_or_settings_have_another(tmp_path: Path) -> None:
    one = make_model(tmp_path / "a" / "minilm")
    tuned = make_model(tmp_path / "b" / "minilm", weights=b"1235")
    pooled = make_model(tmp_path / "c" / "minilm")
    (pooled / "1_Pooling" / "config.json").write_text('{"mean": 1}')
    assert len({fingerprint(one), fingerprint(tuned), fingerprint(pooled)}) == 3
