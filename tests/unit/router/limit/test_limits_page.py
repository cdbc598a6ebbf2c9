"""docs/limits.md says what the code says."""

import re
from pathlib import Path

from tests.fakes import FakeUpstream, answers
from tests.gateways import ANSWER, Rig
from turnout.router.limit.bucket import KINDS
from turnout.router.limit.line import MAX_WAITING
from turnout.serve.config.limits import LimitSettings
from turnout.serve.control.counters.exchange import HELD_S, KEEP_S, LEASE_S
from turnout.serve.control.shares import GONE_S
from turnout.serve.control_watch import ALONE_S

PAGE = (Path(__file__).parents[4] / "docs" / "limits.md").read_text()


async def test_every_metric_it_names_is_there() -> None:
    named = set(re.findall(r"^\| `(turnout_\w+)`", PAGE, flags=re.MULTILINE))
    families = Rig(FakeUpstream(answers(ANSWER))).observer.collect()
    there = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert named
    assert named <= there


def test_names_and_numbers_are_those_of_the_code() -> None:
    assert set(re.findall(r"max_\w+_tokens", PAGE)) <= LimitSettings.model_fields.keys()
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
    assert f"{MAX_WAITING:,} wait" in PAGE
    assert f"after {GONE_S:g} s" in PAGE
    assert f"after {ALONE_S:g} s" in PAGE
    assert f"good for {LEASE_S:g} s" in PAGE
    assert f"{HELD_S:g} s after a cluster was last heard of" in PAGE
    assert f"nobody was heard of for {KEEP_S:g} s" in PAGE
