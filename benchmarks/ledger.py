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
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from turnout.benchmarks.figures import Goal, Report
from turnout.benchmarks.machine import describe_machine, describe_versions
from turnout.benchmarks.reporting import judge, print_report, run_to_exit_code, say
from turnout.benchmarks.scenarios.ledger.assembly import STEPS, Options, assemble, plan_steps
from turnout.benchmarks.steps import run_steps

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
    started_at, began = datetime.now(UTC), time.monotonic()
    steps = plan_steps(options)
    with ExitStack() as stack:
        findings, samples, failed = run_steps(steps, assemble(options, stack), say)
        facts = {"machine": describe_machine(), "versions": describe_versions()}
    wanted = [goal for goal in GOALS if any(goal.name in step.figures for step in steps)]
    figures = judge(wanted, findings, {})
    started = started_at.isoformat(timespec="seconds")
    report = Report("ledger", words, options.seed, started, facts, figures, samples)
    print_report(report, time.monotonic() - began)
    if given.json:
        report.write(given.json)
    return 1 if failed else 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="ledger", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="in at most 110 s on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, samples too")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice; 1 unless given")
    parser.add_argument("--only", action="append", default=[], choices=STEPS, help="run this scenario; repeat for more")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the speed of the store is measured")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the cluster would outlive a `kill` of this process
    raise SystemExit(main())
