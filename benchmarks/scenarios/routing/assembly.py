"""Puts together what a run of `routing` needs, and says which scenarios it has."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.routing.added import measure_added
from turnout.benchmarks.scenarios.routing.choosing import measure_rules
from turnout.benchmarks.scenarios.routing.deciding import measure_decisions, measure_shortlist
from turnout.benchmarks.scenarios.routing.overload import measure_overload
from turnout.benchmarks.scenarios.routing.predicting import measure_prediction, measure_slow_target
from turnout.benchmarks.scenarios.routing.quality.nine_models import measure_nine_models
from turnout.benchmarks.scenarios.routing.quality.pairs import measure_pairs
from turnout.benchmarks.scenarios.routing.replaying import measure_replay
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.benchmarks.scenarios.routing.soundness import measure_soundness
from turnout.benchmarks.scenarios.routing.spill import measure_spill
from turnout.benchmarks.steps import Step

STEPS = (
    "decisions",
    "rules",
    "soundness",
    "replay",
    "shortlist",
    "prediction",
    "slow_target",
    "overload",
    "spill",
    "nine_models",
    "pairs",
    "added",
)
"""Every scenario, in its order."""

UNHURRIED = frozenset({"spill"})
"""Those that the short form leaves out, unless they're asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line asks for.

    Attributes:
        is_quick: the short form.
        seed: of every random choice.
        data: the folder with traces and labels.
        only: names of scenarios; none means all.
    """

    is_quick: bool
    seed: int
    data: Path
    only: tuple[str, ...] = ()


def plan_steps(options: Options) -> list[Step[RoutingSetup]]:
    """The scenarios of this run."""
    wanted = options.only or [name for name in STEPS if not (options.is_quick and name in UNHURRIED)]
    return [step for step in _describe_steps() if step.name in wanted]


def assemble(options: Options, stack: ExitStack) -> RoutingSetup:
    """The setup; what a scenario starts is ended with the stack."""
    del stack
    return RoutingSetup(options.is_quick, options.seed, options.data)


def _describe_steps() -> Iterator[Step[RoutingSetup]]:
    yield Step("decisions", ("decision_p99_us_50_endpoints", "decision_p50_us_8_endpoints"), measure_decisions)
    yield Step("rules", ("rule_us",), measure_rules)
    yield Step("soundness", ("constraint_violations",), measure_soundness)
    yield Step(
        "replay",
        ("ttft_under_2s_points_over_best_reference", "tpot_p99_vs_best_reference", "max_over_mean_load"),
        measure_replay,
    )
    yield Step("shortlist", ("shortlist_regret",), measure_shortlist)
    yield Step("prediction", ("ttft_prediction_error",), measure_prediction)
    yield Step("slow_target", ("requests_until_traffic_left_a_slow_target",), measure_slow_target)
    yield Step("overload", ("goodput_at_1.5x_overload",), measure_overload)
    yield Step("spill", (), measure_spill)
    yield Step(
        "nine_models",
        ("nine_models_points_over_best_single", "nine_models_cost_at_best_single_accuracy", "calibration_error"),
        measure_nine_models,
    )
    yield Step("pairs", ("mmlu_apgr", "gsm8k_apgr"), measure_pairs)
    yield Step("added", ("added_us_balanced",), measure_added)
