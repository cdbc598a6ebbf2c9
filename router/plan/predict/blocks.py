"""The hashes of a prompt's blocks, made when a strategy first asks for them: equal leading ones are a shared prefix."""

from turnout.models.usage import BYTES_PER_TOKEN

BLOCK_TOKENS = 512
"""Prompt tokens that one hash stands for."""

MOST_BLOCKS = 2048
"""Hashes of one prompt: what lies beyond a million tokens is nobody's prefix."""

_BLOCK_BYTES = BLOCK_TOKENS * BYTES_PER_TOKEN


class Blocks:
    """
    Owns the hashes of one prompt, computed once.

    They are Python's own, keyed anew in every process: fast, good enough for a mirror that may be wrong, and of no use to anybody outside.
    """

    __slots__ = ("_hashes", "_prompt")

    def __init__(self, prompt: bytes | memoryview, hashes: tuple[int, ...] | None = None) -> None:
        """
        Args:
            prompt: as it's sent, such as the JSON of `messages`; a conversation's next prompt begins with the same bytes.
            hashes: where they're known already.
        """
        self._prompt = prompt
        self._hashes = hashes

    def __repr__(self) -> str:
        return f"<Blocks of {len(self._prompt)} bytes>"

    @property
    def hashes(self) -> tuple[int, ...]:
        """One for each whole block; a hash covers all before it too."""
        if self._hashes is None:
            self._hashes = _hash(self._prompt)
        return self._hashes


NO_BLOCKS = Blocks(b"", ())
"""Of what has no prompt that could be shared."""


def _hash(prompt: bytes | memoryview) -> tuple[int, ...]:
    hashes: list[int] = []
    chain = 0
    last = min(len(prompt), MOST_BLOCKS * _BLOCK_BYTES)
    for end in range(_BLOCK_BYTES, last + 1, _BLOCK_BYTES):
        chain = hash((chain, bytes(prompt[end - _BLOCK_BYTES : end])))
        hashes.append(chain)
    return tuple(hashes)
