"""Keeps a fitted predictor in one file, read without trusting it to run anything."""

import io
import zipfile
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.router.quality.design import Design
from turnout.router.quality.lexical import NAMES
from turnout.router.quality.predictor import Mode, QualityPredictor
from turnout.router.quality.prior import Prior

VERSION = 1
"""Of the file; raised when what is in it changes its meaning."""

MAX_BYTES = 64 * 1024 * 1024
"""A predictor of 100 models and 1,000 dimensions has 2 MB."""


_HEAD = "head.json"


class BadPredictorFile(ValueError):
    """A file that isn't a predictor, or not one that can be used here; the message says why and what to do."""


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says of itself; everything else in it is arrays."""

    version: int
    models: tuple[str, ...]
    embedder: str
    signals: tuple[str, ...]


def save(predictor: QualityPredictor, path: Path) -> None:
    """Write `predictor` to `path`, whole or not at all: it may be read meanwhile."""
    head = _Head(VERSION, predictor.models, predictor.embedder, NAMES)
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w") as archive:
        archive.writestr(_HEAD, msgspec.json.encode(head))
        for name, array in _list_arrays(predictor).items():
            with archive.open(f"{name}.npy", "w") as entry:
                np.save(entry, array, allow_pickle=False)
    part.replace(path)


def load(path: Path, embedder: str | None = None) -> QualityPredictor:
    """
    Read a predictor.

    Args:
        path: as `save` wrote it.
        embedder: fingerprint of what makes the embeddings here; None where none are made, or only the file is looked at.

    Raises:
        BadPredictorFile: it isn't one, is of another version, or was fitted on another embedder's vectors.
        OSError: it can't be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MAX_BYTES:
                raise BadPredictorFile(
                    f"{str(path)!r} unpacks to {size:,} bytes; a predictor has {MAX_BYTES:,} at most"
                )
            head = msgspec.json.decode(archive.read(_HEAD), type=_Head)
            parts = {name: _read(archive, name) for name in archive.namelist() if name != _HEAD}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, BadPredictorFile):
            raise
        raise BadPredictorFile(f"{str(path)!r} isn't a file of `turnout routes fit`: {error}") from error
    _check_head(head, path, embedder)
    try:
        return _build(head, parts)
    except (KeyError, ValueError) as error:
        raise BadPredictorFile(f"{str(path)!r} is damaged: {error}; fit it anew with `turnout routes fit`") from error


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[np.float64]:
    array: NDArray[np.float64] = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
    return array


def _check_head(head: _Head, path: Path, embedder: str | None) -> None:
    if head.version != VERSION or head.signals != NAMES:
        raise BadPredictorFile(
            f"{str(path)!r} is of version {head.version}, and this Turnout reads version {VERSION} with its own signals: "
            "fit it anew with `turnout routes fit`"
        )
    if embedder is not None and head.embedder != embedder:
        raise BadPredictorFile(
            f"{str(path)!r} was fitted on embeddings of {head.embedder!r}, and here {embedder!r} makes them: "
            "fit it anew with `turnout routes fit`, or use the same embedder"
        )


def _list_arrays(predictor: QualityPredictor) -> dict[str, NDArray[np.float32] | NDArray[np.float64]]:
    design, prior, full, lexical = predictor.design, predictor.prior, predictor.full, predictor.lexical
    return {
        "labels": predictor.labels,
        "mean": design.mean, "scale": design.scale, "centres": design.centres,
        "ability": prior.ability, "is_for_code": prior.is_for_code, "is_for_math": prior.is_for_math,
        "full_weights": full.weights, "full_biases": full.biases, "full_curves": full.curves,
        "lexical_weights": lexical.weights, "lexical_biases": lexical.biases, "lexical_curves": lexical.curves,
    }  # fmt: skip


def _build(head: _Head, parts: dict[str, NDArray[np.float64]]) -> QualityPredictor:
    """Raises KeyError for a missing array and ValueError for one of another shape or with what isn't a number."""
    models, signals = len(head.models), len(NAMES)
    clusters, dimensions = parts["centres.npy"].shape
    rows = {"full": dimensions + signals + clusters * (1 + signals), "lexical": 2 * signals}

    def take(name: str, *shape: int) -> NDArray[np.float64]:
        array = parts[f"{name}.npy"]
        if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{name} has {array.dtype} of {array.shape}, not finite numbers of {shape}")
        return array.astype(np.float64)

    def take_mode(name: str) -> Mode:
        return Mode(
            take(f"{name}_weights", rows[name], models).astype(np.float32),
            take(f"{name}_biases", models).astype(np.float32),
            take(f"{name}_curves", 3, models),
        )

    return QualityPredictor(
        models=head.models,
        embedder=head.embedder,
        labels=take("labels", models),
        design=Design(
            take("mean", signals).astype(np.float32),
            take("scale", signals).astype(np.float32),
            take("centres", clusters, dimensions).astype(np.float32),
        ),
        prior=Prior(take("ability", models), take("is_for_code", models), take("is_for_math", models)),
        full=take_mode("full"),
        lexical=take_mode("lexical"),
    )
