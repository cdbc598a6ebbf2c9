"""A replica's KV cache: blocks that running sequences hold, and finished ones kept until their room is needed, the longest unused first."""

from collections import OrderedDict
from collections.abc import Sequence


class KvCache:
    """
    Owns the blocks of one replica. Prompt blocks have names and are shared; the blocks of an answer have none and are free again at its end.

    As in vLLM, a block is found from the moment its sequence is admitted, and a sequence gives its last blocks up first, so that the beginnings
    of prompts stay longest.
    """

    __slots__ = ("_held", "_idle", "_room", "_unnamed")

    def __init__(self, blocks: int) -> None:
        self._room = blocks
        self._held: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._unnamed = 0

    def __repr__(self) -> str:
        return f"<KvCache {len(self._held)} held, {len(self._idle)} idle, {self._unnamed} unnamed of {self._room}>"

    @property
    def used(self) -> float:
        """The share of blocks that running sequences hold."""
        return (len(self._held) + self._unnamed) / self._room

    def count_cached(self, blocks: Sequence[int]) -> int:
        """How many leading blocks are there."""
        for count, block in enumerate(blocks):
            if block not in self._held and block not in self._idle:
                return count
        return len(blocks)

    def try_hold(self, blocks: Sequence[int], unnamed: int) -> bool:
        """Hold a sequence's prompt blocks and room for its answer; False where running sequences leave too little."""
        needed = unnamed + sum(block not in self._held for block in blocks)
        if len(self._held) + self._unnamed + needed > self._room:
            return False
        for block in blocks:
            self._idle.pop(block, None)
            self._held[block] = self._held.get(block, 0) + 1
        self._unnamed += unnamed
        while len(self._held) + len(self._idle) + self._unnamed > self._room:
            self._idle.popitem(last=False)
        return True

    def release(self, blocks: Sequence[int], unnamed: int) -> None:
        """A sequence has ended; what no other holds is idle from now on."""
        self._unnamed -= unnamed
        for block in reversed(blocks):
            holders = self._held[block] - 1
            if holders:
                self._held[block] = holders
            else:
                del self._held[block]
                self._idle[block] = None
