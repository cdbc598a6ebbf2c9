"""Tells embedding models apart, so that vectors of one are never compared with those of another."""

import hashlib
from pathlib import Path

_CONTENT = frozenset({".safetensors", ".bin", ".onnx", ".json", ".txt", ".model"})
_RECORD = "model.json"  # says when it was fetched, which isn't about the model
_READ_BYTES = 1 << 20


def fingerprint(folder: Path) -> str:
    """
    The name of a model's folder and a digest of its weights, tokenizer and settings, such as `minilm-3f2a91c04b7d8e15`; takes about 0.1 s for 100 MB.

    The same files under another name or at another place have the same digest, but not the same fingerprint: the name is there to be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _CONTENT and path.name != _RECORD):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
    return f"{folder.name}-{digest.hexdigest()}"
