"""
Replays traces of real traffic on simulated replicas, fits and questions the quality predictor, and measures what a decision costs.

    python benchmarks/routing.py --quick --data DIR         at most 110 s on two cores
    python benchmarks/routing.py --only replay              one scenario; repeat for more
    python benchmarks/routing.py --json FILE                raw samples too
"""

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from turnout.benchmarks.figures import Goal, Report
from turnout.benchmarks.machine import describe_machine, describe_versions
from turnout.benchmarks.reporting import judge, print_report, run_to_exit_code, say
from turnout.benchmarks.scenarios.routing.assembly import STEPS, Options, assemble, plan_steps
from turnout.benchmarks.steps import run_steps

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
    started_at, began = datetime.now(UTC), time.monotonic()
    steps = plan_steps(options)
    with ExitStack() as stack:
        findings, samples, failed = run_steps(steps, assemble(options, stack), say)
        facts = {"machine": describe_machine(), "versions": describe_versions()}
    wanted = [goal for goal in GOALS if not options.only or any(goal.name in step.figures for step in steps)]
    figures = judge(wanted, findings, {})
    started = started_at.isoformat(timespec="seconds")
    report = Report("routing", words, options.seed, started, facts, figures, samples)
    print_report(report, time.monotonic() - began)
    if given.json:
        report.write(given.json)
    return 1 if failed else 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="routing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="in at most 110 s on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, samples too")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice; 1 unless given")
    parser.add_argument("--only", action="append", default=[], choices=STEPS, help="run this scenario; repeat for more")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", default=Path("../shared/data"), help="traces and labels; ../shared/data"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main())
