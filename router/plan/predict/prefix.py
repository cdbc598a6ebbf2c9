"""Which prompt prefixes an endpoint has cached, as far as the router knows from what it has sent there."""

from collections import OrderedDict
from collections.abc import Sequence

MOST_BLOCKS = 65_536
"""At about 100 bytes a block, 6.5 MB an endpoint at most."""


class PrefixMirror:
    """
    Owns the block hashes of the prompts sent to one endpoint lately; bounded, the least recently sent first out.

    A hash stands for a block and all before it, so that equal hashes are equal prefixes. Prompts are noted from their end to their beginning: what
    comes before a block is never older than the block, so that a lookup may halve.
    """

    __slots__ = ("_blocks", "_room")

    def __init__(self, room: int = MOST_BLOCKS) -> None:
        """
        Args:
            room: blocks to remember; what the engine's KV cache holds, where that's known.
        """
        self._blocks: OrderedDict[int, None] = OrderedDict()
        self._room = room

    def __repr__(self) -> str:
        return f"<PrefixMirror {len(self._blocks)} of {self._room} blocks>"

    def resize(self, room: int) -> None:
        """Remember so many blocks from now on; at most MOST_BLOCKS."""
        self._room = min(max(room, 1), MOST_BLOCKS)
        while len(self._blocks) > self._room:
            self._blocks.popitem(last=False)

    def has(self, block: int) -> bool:
        """Whether a prompt's first block is cached."""
        return block in self._blocks

    def count(self, blocks: Sequence[int]) -> int:
        """How many leading blocks of a prompt are cached; O(log n)."""
        known = self._blocks
        if not blocks or blocks[0] not in known:
            return 0
        there, gone = 0, len(blocks)
        while gone - there > 1:
            middle = (there + gone) >> 1
            if blocks[middle] in known:
                there = middle
            else:
                gone = middle
        return there + 1

    def note(self, blocks: Sequence[int]) -> None:
        """A prompt is sent there."""
        known = self._blocks
        for block in reversed(blocks):
            known[block] = None
            known.move_to_end(block)
        while len(known) > self._room:
            known.popitem(last=False)
