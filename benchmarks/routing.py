"""
Replays traces of real traffic on simulated replicas, fits and questions the quality predictor, and measures what a decision costs.

    python benchmarks/routing.py --quick --data DIR         at most 110 s on two cores
    python benchmarks/routing.py --only replay              one scenario; repeat for more
    python benchmarks/routing.py --json FILE                raw samples too
"""

import argparse
import signal
import sys
from pathlib import Path

from turnout.benchmarks.figures import Goal
from turnout.benchmarks.reporting import run_to_exit_code
from turnout.benchmarks.scenarios.routing.assembly import STEPS, Options, assemble, plan_steps
from turnout.benchmarks.script import Run, make_parser

GOALS = (
    Goal("decision_p99_us_50_endpoints", "us", at_most=1000, is_quick=True),
    Goal("decision_p50_us_8_endpoints", "us", at_most=30, is_quick=True),
    Goal("rule_us", "us", at_most=5, is_quick=True),
    Goal("constraint_violations", "of 100,000", at_most=0, is_quick=True),
    Goal("ttft_under_2s_points_over_best_reference", "points", at_least=2, is_quick=True),
    Goal("tpot_p99_vs_best_reference", "ratio", at_most=0.6, is_quick=True),
    Goal("max_over_mean_load", "ratio", at_most=1.5, is_quick=True),
    Goal("shortlist_regret", "share", at_most=0.01, is_quick=True),
    Goal("ttft_prediction_error", "MAPE", at_most=0.10, is_quick=True),
    Goal("goodput_at_1.5x_overload", "share", at_least=0.9, is_quick=True),
    Goal("nine_models_points_over_best_single", "points", at_least=2, is_quick=True),
    Goal("nine_models_cost_at_best_single_accuracy", "ratio", at_most=0.35, is_quick=True),
    Goal("mmlu_apgr", "APGR", at_least=0.66, is_quick=True),
    Goal("gsm8k_apgr", "APGR", at_least=0.65, is_quick=True),
    Goal("calibration_error", "ECE", at_most=0.03, is_quick=True),
    Goal("requests_until_traffic_left_a_slow_target", "requests", at_most=20, is_quick=True),
    Goal("added_us_balanced", "us", at_most=30, is_quick=True),
    Goal("router_cpu_growth_2_to_50_endpoints", "ratio", at_most=1.20),
)
"""Every row of this script."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and returns 0, whatever the goals; 1 if something failed, 130 if it was interrupted. All that was started has ended then."""
    return run_to_exit_code(lambda: run(arguments))


def run(arguments: list[str] | None) -> int:
    """What `main` does, when nothing goes wrong at the start."""
    given = parse_arguments(arguments)
    options = Options(given.quick, given.seed, given.data, tuple(given.only))
    words = sys.argv[1:] if arguments is None else arguments
    steps = plan_steps(options)
    wanted = [goal for goal in GOALS if not options.only or any(goal.name in step.figures for step in steps)]
    return Run("routing", words, options.seed, steps, wanted, given.json).carry_out(
        lambda stack: assemble(options, stack)
    )


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = make_parser("routing", __doc__, STEPS)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", default=Path("../shared/data"), help="traces and labels; ../shared/data"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main())
