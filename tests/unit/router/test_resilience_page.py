"""docs/resilience.md says what the rules, the metrics and the defaults say."""

import re
from pathlib import Path

from tests.fakes import FakeUpstream, answers
from tests.gateways import ANSWER, Rig
from turnout.models.cause import Cause
from turnout.router.catalogue import Timeouts
from turnout.router.execute.rules import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "resilience.md").read_text()
FAULT = {True: "yes", False: "no", None: "not told"}


def rows(columns: int) -> dict[str, list[str]]:
    """The tables' rows with so many columns, by what their first cell names in backquotes."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")
    ]
    return {
        name[0]: line for line in lines if len(line) == columns and (name := re.findall(r"^`([a-z_0-9]+)`", line[0]))
    }


def test_the_table_of_causes_is_the_table_of_rules() -> None:
    told = {name: line[2:] for name, line in rows(6).items()}
    decided = {
        cause.value: [FAULT[rule.rotates], FAULT[rule.repeats], FAULT[rule.falls_back], FAULT[rule.is_fault]]
        for cause, rule in RULES.items()
    }
    assert told == decided
    assert set(RULES) == set(Cause)


async def test_every_metric_it_names_is_there() -> None:
    named = {name for name in rows(3) if name.startswith("turnout_")}
    families = Rig(FakeUpstream(answers(ANSWER))).observer.collect()
    there = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert named
    assert named <= there


def test_every_time_is_told_with_its_default() -> None:
    defaults = Timeouts()
    for name in Timeouts.__slots__:
        assert f"`{name}` ({getattr(defaults, name):g})" in PAGE
