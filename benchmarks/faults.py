"""
Breaks a gateway's upstreams in sixteen ways and many times at random, and judges what its clients see.

    python benchmarks/faults.py --quick                        own gateway on a private cluster, at most 110 s on two cores
    python benchmarks/faults.py --quick --against proxy        the plain reverse proxy that ships: it must fail
    python benchmarks/faults.py --print-config litellm         what another gateway has to be configured with, and then:
    python benchmarks/faults.py --target http://127.0.0.1:4000/v1 --api-key env:KEY
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
from turnout.benchmarks.reporting import judge, print_report, read_key, redact_keys, run_to_exit_code, say
from turnout.benchmarks.scenarios.faults.assembly import (
    FALLBACK_PORT,
    PRIMARY_PORT,
    Options,
    assemble,
    judged_models,
)
from turnout.benchmarks.scenarios.faults.mocks import Mock
from turnout.benchmarks.scenarios.faults.schedule import STEPS, plan_steps
from turnout.benchmarks.scenarios.faults.settings import WRITERS
from turnout.benchmarks.scenarios.faults.table import ROWS, format_suite
from turnout.benchmarks.scenarios.faults.wiring import Upstreams
from turnout.benchmarks.steps import run_steps

GOALS = (
    Goal("passed_of_16_unary", "scenarios", at_least=16, is_quick=True),
    Goal("passed_of_16_stream", "scenarios", at_least=16, is_quick=True),
    Goal("success_at_30pct_faults", "share", at_least=0.9995, is_quick=True),
    Goal("attempts_per_request_at_30pct_faults", "ratio", at_most=1.2),
    Goal("attempts_per_request_in_storm", "ratio", at_most=1.2),
    Goal("indistinguishable_broken_streams", "streams", at_most=0, is_quick=True),
    Goal("duplicated_or_lost_tokens", "tokens", at_most=0, is_quick=True),
    Goal("continued_equals_uninterrupted_float32", "share", at_least=1.0),
    Goal("leaked_after_aborts", "tasks+descriptors", at_most=0, is_quick=True),
    Goal("upstream_closed_after_client_left_p99_ms", "ms", at_most=100, is_quick=True),
    Goal("added_us_resilience", "us", at_most=8, is_quick=True),
    Goal("lost_in_config_reload", "requests"),
    Goal("lost_while_controller_restarts", "requests"),
    Goal("lost_beyond_in_flight_on_router_kill", "requests"),
    Goal("lost_on_engine_kill", "requests"),
    Goal("refusal_p99_ms", "ms"),
    Goal("lost_on_node_drain", "requests"),
)
"""Every row of this script; those without a bound are shown for comparison."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and returns 0, whatever the goals; 1 if something failed, 130 if it was interrupted. All that was started has ended then."""
    return run_to_exit_code(lambda: run(arguments))


def run(arguments: list[str] | None) -> int:
    """What `main` does, when nothing goes wrong at the start."""
    given = parse_arguments(arguments)
    options: Options = given.options
    if given.print_config:
        mocks = Upstreams(Mock(options.primary_port).base_url, Mock(options.fallback_port).base_url)
        print(WRITERS[given.print_config](judged_models(mocks, options.amount.scale)), end="")
        return 0
    words = redact_keys(sys.argv[1:] if arguments is None else arguments)
    started_at, began = datetime.now(UTC), time.monotonic()
    steps = plan_steps(options)
    with ExitStack() as stack:
        setup = assemble(options, stack)
        findings, samples, failed = run_steps(steps, setup, say)
        facts = {
            "machine": describe_machine(),
            "versions": describe_versions(),
            "judged": f"{setup.subject.name} at {setup.subject.base_url}",
            "scale_of_times": f"{options.amount.scale:g}",
        }
    goals = [goal for goal in GOALS if goal.is_quick or options.only or not options.is_quick]
    wanted = [goal for goal in goals if not options.only or any(goal.name in step.figures for step in steps)]
    report = Report("faults", words, options.seed, started_at.isoformat(timespec="seconds"), facts, judge(wanted, findings, {}), samples)  # fmt: skip
    if ROWS in samples:
        print(format_suite(samples[ROWS]), end="\n\n")
    print_report(report, time.monotonic() - began)
    if given.json:
        report.write(given.json)
    return 1 if failed else 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for, with `options` made of it; ends the program with a usage message where that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the rows marked quick, in at most 110 s on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, transcripts too")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice; 1 unless given")
    parser.add_argument("--only", action="append", default=[], choices=STEPS, help="run this scenario; repeat for more")
    parser.add_argument("--against", choices=["proxy"], help="judge the plain reverse proxy that ships")
    group = parser.add_argument_group("a gateway that runs already")
    group.add_argument("--target", metavar="URL", help="its route, such as http://127.0.0.1:4000/v1")
    group.add_argument("--api-key", metavar="env:NAME", help="for it: a variable's name, or the key itself")
    group.add_argument("--primary-port", type=int, default=PRIMARY_PORT, help="of the mock that breaks (%(default)s)")
    group.add_argument("--fallback-port", type=int, default=FALLBACK_PORT, help="of the other one (%(default)s)")
    help_on_config = "print what it has to be configured with, for a quick run with --quick"
    group.add_argument("--print-config", choices=sorted(WRITERS), help=help_on_config)
    given = parser.parse_args(arguments)
    if given.target and given.against:
        parser.error("--target and --against are two gateways: give one")
    given.options = Options(
        is_quick=given.quick, seed=given.seed, target=given.target, api_key=read_key(given.api_key), against=given.against,
        primary_port=given.primary_port, fallback_port=given.fallback_port, only=tuple(given.only),
    )  # fmt: skip
    return given


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the cluster would outlive a `kill` of this process
    raise SystemExit(main())
