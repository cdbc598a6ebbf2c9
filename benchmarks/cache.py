"""
Measures how often the cache answers, how often wrongly, and how fast, beside a fixed threshold and a policy that learns entry by entry.

    python benchmarks/cache.py --quick --data DIR           at most 110 s on two cores, once the texts are embedded
    python benchmarks/cache.py --data DIR --only bound      twenty orders of every stream, with drift and wrong judges
    python benchmarks/cache.py --only lookup                without any data
"""

import argparse
import signal
import sys
from pathlib import Path

from turnout.benchmarks.figures import Goal
from turnout.benchmarks.reporting import run_to_exit_code
from turnout.benchmarks.scenarios.cache.assembly import STEPS, Options, assemble, plan_steps
from turnout.benchmarks.script import Run, make_parser

GOALS = (
    Goal("worst_error_over_epsilon", "ratio", at_most=1.0, is_quick=True),
    Goal("hit_rate_banking77_eps1", "share", at_least=0.30, is_quick=True),
    Goal("hit_rate_clinc150_eps1", "share", at_least=0.30, is_quick=True),
    Goal("hits_vs_per_entry_learned_policy", "ratio", at_least=3, is_quick=True),
    Goal("trap_pairs_hit_at_1pct_wrong", "share", at_least=0.80, is_quick=True),
    Goal("conversations_hit_at_1pct_wrong", "share", at_least=0.70, is_quick=True),
    Goal("stale_answers_in_10000_agent_steps", "answers", at_most=0, is_quick=True),
    Goal("exact_hit_cpu_us", "us", at_most=80, is_quick=True),
    Goal("lookup_100k_p99_ms", "ms", at_most=1, is_quick=True),
    Goal("upstream_calls_for_1000_identical", "calls", at_most=1, is_quick=True),
    Goal("cross_tenant_or_stale_hits", "hits", at_most=0, is_quick=True),
    Goal("collision_attack_success", "share", at_most=0.01),
)
"""Every row of this script."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and returns 0, whatever the goals; 1 if something failed, 130 if it was interrupted."""
    return run_to_exit_code(lambda: run(arguments))


def run(arguments: list[str] | None) -> int:
    """What `main` does, when nothing goes wrong at the start."""
    given = parse_arguments(arguments)
    options = Options(given.quick, given.seed, given.data, tuple(given.only))
    words = sys.argv[1:] if arguments is None else arguments
    steps = plan_steps(options)
    wanted = [goal for goal in GOALS if any(goal.name in step.figures for step in steps)]
    return Run("cache", words, options.seed, steps, wanted, given.json).carry_out(lambda _: assemble(options))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = make_parser("cache", __doc__, STEPS)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", default=Path("../shared/data"), help="public sets; ../shared/data"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main())
