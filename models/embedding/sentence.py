"""Embeds with a sentence-transformers model from a local folder, such as all-MiniLM-L6-v2."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import Tokens, TokenVectors

ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",  # models are on disk before an embedder starts; nothing is fetched at start-up
    "TOKENIZERS_PARALLELISM": "false",  # texts are short; a second pool of threads would only compete with the model
}
"""What an embedder's process needs in its environment; the user's own settings go above it."""


class SentenceEmbedder:
    """An `Embedder`: the whole pipeline that the folder's `modules.json` names (transformer, pooling, normalising), on the CPU."""

    def __init__(self, folder: Path, threads: int) -> None:
        """
        Load the model; takes seconds.

        Args:
            folder: as sentence-transformers saves one.
            threads: that one pass through the model may use. It's a setting of the process, as torch has it.
        """
        self._torch: Any = import_module("torch")
        self._torch.set_num_threads(threads)
        library: Any = import_module("sentence_transformers")
        self._model: Any = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True).eval()
        # The tokenizer without its Python shell: the shell switches padding on and off, which fails when two threads do it at once.
        self._tokenizer: Any = self._model.tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._pad_id = int(self._model.tokenizer.pad_token_id or 0)
        self._max_tokens = int(self._model.max_seq_length)
        self._dimensions = int(self.embed(self.tokenize(["warm-up"])).shape[1])

    @property
    def dimensions(self) -> int:
        """See `Embedder.dimensions`."""
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        """See `Embedder.max_tokens`."""
        return self._max_tokens

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """See `Embedder.tokenize`."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def embed(self, batch: Sequence[Tokens]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        with self._torch.inference_mode():
            return self._normalize(self._pass_through(batch)["sentence_embedding"])

    def embed_tokens(self, texts: Sequence[str]) -> list[tuple[NDArray[np.float32], TokenVectors]]:
        """See `TokenEmbedder.embed_tokens`."""
        encodings = self._tokenizer.encode_batch(list(texts))
        batch = [encoding.ids[: self._max_tokens] for encoding in encodings]
        with self._torch.inference_mode():
            found = self._pass_through(batch)
            vectors, tokens = self._normalize(found["sentence_embedding"]), found["token_embeddings"].numpy()
        read: list[tuple[NDArray[np.float32], TokenVectors]] = []
        for row, (encoding, ids) in enumerate(zip(encodings, batch, strict=True)):
            spans = np.array(encoding.offsets[: len(ids)], dtype=np.int32).reshape(-1, 2)
            is_text = spans[:, 1] > spans[:, 0]  # special tokens stand nowhere
            part = tokens[row, : len(ids)][is_text].astype(np.float16)
            read.append((vectors[row], TokenVectors(np.array(ids, np.int32)[is_text], spans[is_text], part)))
        return read

    def _pass_through(self, batch: Sequence[Tokens]) -> Any:
        """What all modules of the model say of a batch."""
        longest = max(map(len, batch))
        ids = np.full((len(batch), longest), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return self._model({"input_ids": self._torch.from_numpy(ids), "attention_mask": self._torch.from_numpy(mask)})

    def _normalize(self, vectors: Any) -> NDArray[np.float32]:
        return np.asarray(self._torch.nn.functional.normalize(vectors, dim=1).numpy(), dtype=np.float32)
