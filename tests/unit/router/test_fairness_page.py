"""docs/fairness.md says what the code does."""

from pathlib import Path

import yaml

from turnout.router.admit import LOWEST
from turnout.router.execute.attempts import PRIORITIES
from turnout.router.execute.fair_share import PASSED_OVER
from turnout.router.execute.slots import Slots
from turnout.router.values import TYPICAL_OUTPUT_TOKENS
from turnout.serve.config.tiers import TierSettings

PAGE = (Path(__file__).parents[3] / "docs" / "fairness.md").read_text()


def test_the_numbers_are_the_codes() -> None:
    for told in (
        f"one turn in {PASSED_OVER}",
        f"1/{PASSED_OVER} of the turns",
        f"{TYPICAL_OUTPUT_TOKENS} tokens",
        f"0 to {LOWEST}",
        f"±{PRIORITIES}",
    ):
        assert told in PAGE


def test_the_example_is_valid() -> None:
    example = yaml.safe_load(PAGE.partition("```yaml\n")[2].partition("```")[0])["user_config"]
    tiers = {name: TierSettings.model_validate(settings) for name, settings in example["tiers"].items()}
    assert set(example["auth"]["tiers"].values()) == tiers.keys()


def test_every_key_of_a_tier_and_every_reason_is_named() -> None:
    for name in (*TierSettings.model_fields, *Slots().refused):
        assert f"`{name}`" in PAGE
