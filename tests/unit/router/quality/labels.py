"""Made-up labels: two models of which one is better at code and the other at everything else."""

import numpy as np

from turnout.router.quality import lexical
from turnout.router.quality.fit import Table

DIMENSIONS = 16
MODELS = ("coder", "talker")


def make_table(count: int, seed: int) -> Table:
    """`count` prompts, half of them code, whose embeddings lie about two centres; a model is right in 90 % or 30 %."""
    rng = np.random.default_rng(seed)
    is_code = rng.random(count) < 0.5
    prompts = [
        f"```\ndef f{n}(x):\n    return x + {n}\n``` fix this" if code else f"Tell me a story about the number {n}"
        for n, code in zip(rng.integers(0, 1000, count), is_code, strict=True)
    ]
    embeddings = rng.normal(0, 0.2, (count, DIMENSIONS)).astype(np.float32)
    embeddings[:, 0] += np.where(is_code, 1, -1)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    chances = np.where(is_code[:, None], [[0.9, 0.3]], [[0.3, 0.9]])
    scores = (rng.random((count, 2)) < chances).astype(float)
    return Table(MODELS, np.array([lexical.read(p) for p in prompts]), embeddings, scores, np.ones((count, 2)))
