"""A prompt's block hashes."""

from turnout.models.usage import BYTES_PER_TOKEN
from turnout.router.plan.predict.blocks import BLOCK_TOKENS, MOST_BLOCKS, NO_BLOCKS, Blocks

SIZE = BLOCK_TOKENS * BYTES_PER_TOKEN


def test_prompts_that_begin_alike_share_hashes_up_to_where_they_part() -> None:
    start = b"a" * (3 * SIZE)
    one, other = Blocks(start + b"b" * SIZE).hashes, Blocks(start + b"c" * (2 * SIZE)).hashes
    assert one[:3] == other[:3]
    assert one[3] != other[3]
    assert len(other) == 5


def test_a_block_is_another_after_another_beginning() -> None:
    same = b"s" * SIZE
    assert Blocks(b"a" * SIZE + same).hashes[1] != Blocks(b"b" * SIZE + same).hashes[1]


def test_what_is_left_over_has_no_hash() -> None:
    assert len(Blocks(b"x" * (2 * SIZE + SIZE - 1)).hashes) == 2
    assert Blocks(b"hi").hashes == NO_BLOCKS.hashes == ()


def test_they_are_bounded() -> None:
    assert len(Blocks(memoryview(bytes((MOST_BLOCKS + 3) * SIZE))).hashes) == MOST_BLOCKS
