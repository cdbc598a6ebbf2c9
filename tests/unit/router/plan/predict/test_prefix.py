"""What an endpoint is thought to have cached."""

import random

from turnout.router.plan.predict.blocks import BLOCK_TOKENS
from turnout.router.plan.predict.outlook import Outlook
from turnout.router.plan.predict.prefix import MOST_BLOCKS, PrefixMirror


def test_only_leading_blocks_count() -> None:
    mirror = PrefixMirror()
    mirror.note((1, 2, 3, 4))
    assert mirror.count((1, 2, 3, 4, 5)) == 4
    assert mirror.count((1, 2, 9)) == 2
    assert mirror.count((9, 2, 3)) == 0
    assert mirror.count(()) == 0


def test_the_ends_of_prompts_are_forgotten_before_their_beginnings() -> None:
    mirror = PrefixMirror(room=4)
    mirror.note((1, 2, 3))
    mirror.note((1, 7, 8))
    assert mirror.count((1, 7, 8)) == 3
    assert mirror.count((1, 2, 3)) == 2, "3 went first"
    mirror.resize(1)
    assert mirror.count((1, 7, 8)) == 1


def test_a_lookup_by_halves_finds_what_one_by_one_does() -> None:
    rng, mirror = random.Random(3), PrefixMirror(room=60)
    prompts = [tuple(hash((family, length)) for length in range(rng.randrange(1, 12))) for family in range(30)]
    for _ in range(500):
        prompt = rng.choice(prompts)
        slow = next((at for at, block in enumerate(prompt) if mirror.count((block,)) == 0), len(prompt))
        assert mirror.count(prompt) == slow
        mirror.note(prompt)


def test_it_is_bounded() -> None:
    mirror = PrefixMirror()
    mirror.resize(10**9)
    mirror.note(tuple(range(MOST_BLOCKS + 10)))
    assert repr(mirror) == f"<PrefixMirror {MOST_BLOCKS} of {MOST_BLOCKS} blocks>"


def test_of_a_prompt_that_is_all_cached_one_token_is_left_to_do() -> None:
    outlook = Outlook()
    outlook.begin(2 * BLOCK_TOKENS, (1, 2), 0.0)
    assert outlook.count_new(2 * BLOCK_TOKENS, (1, 2)) == 1
    assert outlook.count_new(2 * BLOCK_TOKENS + 100, (1, 2)) == 100
