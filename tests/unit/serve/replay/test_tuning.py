"""A proposal is made where the later half of the requests bears it out, and it says what changes."""

import pytest
import yaml

from tests.unit.serve.replay.traffic import FAR_USD, record, route
from turnout.router.catalogue import Routing
from turnout.router.plan.aims import Weights
from turnout.serve.replay.recorded import gather
from turnout.serve.replay.rewriting import rewrite
from turnout.serve.replay.tuning import LEAST, Aim, propose, write_strategy

FILE = """\
# a cluster
applications:
- name: router
  deployments:
  - name: Router
    user_config:
      models:
      - name: chat      # the main one
        strategy: latency   # fast
        targets: [{name: a, pool: p}]
      - name: small     # a comment that stays
        targets:
        - {name: b, pool: p}
      - {name: flow, targets: [{name: c, pool: p}], balanced: {usd: 3, batch: 1}}
      - name: block
        strategy:
          cost: 1
          latency: 2

        # of block
        targets: [{name: d, pool: p}]
"""


def test_what_is_cheaper_and_as_quick_is_proposed() -> None:
    proposal = propose(route(), gather(record(800)), Aim.COST, 1.0)
    assert proposal.routing is not None
    assert proposal.difference is not None
    assert proposal.difference.cost_usd is not None
    assert proposal.difference.cost_usd.high < 0
    assert proposal.difference.cost_usd.after == pytest.approx(FAR_USD, rel=0.05)


def test_what_is_cheaper_and_late_is_not() -> None:
    proposal = propose(route(), gather(record(800, far_s=3.0)), Aim.COST, 1.0)
    assert proposal.routing is None
    assert proposal.why_not


def test_time_is_bought_only_where_it_costs_no_more() -> None:
    assert propose(route(), gather(record(800, near_s=3.0)), Aim.TIME, 1.0).routing is not None
    assert propose(route(), gather(record(800, far_s=3.0)), Aim.TIME, 1.0).routing is None


@pytest.mark.parametrize("seed", range(3))
def test_where_targets_are_alike_nothing_is_proposed_for_time(seed: int) -> None:
    assert propose(route(), gather(record(800, seed=seed)), Aim.TIME, 0.5, seed).routing is None


def test_nothing_is_proposed_from_little_or_against_what_decisions_do_not_tell() -> None:
    assert str(LEAST) in propose(route(), gather(record(100)), Aim.COST).why_not
    assert "sticky" in propose(route(("sticky", 1.0)), gather(record(800)), Aim.COST).why_not
    assert "only one target" in propose(route(), gather(record(800, share_far=0.0)), Aim.COST).why_not


def test_strategies_are_put_into_the_file_and_all_else_stays() -> None:
    balanced = Routing((("balanced", 1.0),), weights=Weights(usd=30.0))
    changes = {
        "chat": Routing((("cost", 1.0),)),
        "small": Routing((("cost", 2.0), ("latency", 1.0))),
        "flow": balanced,
        "block": balanced,
    }
    text = rewrite(FILE, changes)
    models = yaml.safe_load(text)["applications"][0]["deployments"][0]["user_config"]["models"]
    assert models == [
        {"name": "chat", "strategy": "cost", "targets": [{"name": "a", "pool": "p"}]},
        {"name": "small", "strategy": {"cost": 2, "latency": 1}, "targets": [{"name": "b", "pool": "p"}]},
        {
            "name": "flow",
            "strategy": "balanced",
            "targets": [{"name": "c", "pool": "p"}],
            "balanced": {"usd": 30, "batch": 1},
        },
        {"name": "block", "strategy": "balanced", "balanced": {"usd": 30}, "targets": [{"name": "d", "pool": "p"}]},
    ]
    for comment in (
        "# a cluster",
        "# the main one",
        "# fast",
        "- name: small     # a comment that stays\n",
        "# of block",
    ):
        assert comment in text
    with pytest.raises(ValueError, match="other"):
        rewrite(FILE, {"other": balanced})


def test_a_strategy_is_named_in_a_word() -> None:
    assert write_strategy(Routing((("cost", 2.0), ("latency", 1.0)))) == "2*cost+1*latency"
    assert write_strategy(Routing((("balanced", 1.0),), weights=Weights(usd=30.0))) == "balanced (usd 30)"
