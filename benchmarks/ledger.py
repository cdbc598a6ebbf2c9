"""
Spends one dollar a thousand times at once, kills Control while money flows, and measures what counting it costs.

    python benchmarks/ledger.py --quick                     at most 110 s on two cores
    python benchmarks/ledger.py --only kills                200 kills of Control, without a cluster
    python benchmarks/ledger.py --only simulation           a million requests with cancels, retries and crashes
    python benchmarks/ledger.py --only speed --folder DIR   on the disk that DIR is on
"""

import argparse
import logging
import signal
import sys
from pathlib import Path

from turnout.benchmarks.figures import Goal
from turnout.benchmarks.reporting import run_to_exit_code
from turnout.benchmarks.scenarios.ledger.assembly import STEPS, Options, assemble, plan_steps
from turnout.benchmarks.script import Run, make_parser

GOALS = (
    Goal("overspend_usd_1000_concurrent_on_1usd", "USD", at_most=0, is_quick=True),
    Goal("budget_used_when_demand_allows", "share", at_least=0.97, is_quick=True),
    Goal("overspend_usd_two_routers", "USD", at_most=0),
    Goal("budget_used_two_routers", "share", at_least=0.97),
    Goal("lost_settles_200_kills", "rows", at_most=0, is_quick=True),
    Goal("lost_settles_simulated", "rows", at_most=0),
    Goal("overspend_usd_simulated", "USD", at_most=0),
    Goal("held_over_60s_simulated", "leases", at_most=0),
    Goal("hold_settle_per_second", "1/s", at_least=10_000, is_quick=True),
    Goal("audit_rows_verified_per_second", "1/s", at_least=100_000, is_quick=True),
    Goal("audit_tampering_found", "share", at_least=1.0, is_quick=True),
    Goal("added_us_governance", "us", at_most=20, is_quick=True),
)
"""Every row of this script."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and returns 0, whatever the goals; 1 if something failed, 130 if it was interrupted. All that was started has ended then."""
    for part in ("outbox", "spool"):
        logging.getLogger(f"turnout.{part}").setLevel(
            logging.ERROR
        )  # that Control is away and routers die is the point
    return run_to_exit_code(lambda: run(arguments))


def run(arguments: list[str] | None) -> int:
    """What `main` does, when nothing goes wrong at the start."""
    given = parse_arguments(arguments)
    options = Options(given.quick, given.seed, given.folder, tuple(given.only))
    words = sys.argv[1:] if arguments is None else arguments
    steps = plan_steps(options)
    wanted = [goal for goal in GOALS if any(goal.name in step.figures for step in steps)]
    return Run("ledger", words, options.seed, steps, wanted, given.json).carry_out(
        lambda stack: assemble(options, stack)
    )


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = make_parser("ledger", __doc__, STEPS)
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the speed of the store is measured")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the cluster would outlive a `kill` of this process
    raise SystemExit(main())
