"""
Measures what the gateway adds to a request: CPU time, latency, memory, and what is lost in updates and kills.

    python benchmarks/overhead.py --quick                       own gateway on a private cluster, at most 110 s on two cores
    python benchmarks/overhead.py --json out.json --plot out.png
    python benchmarks/overhead.py --target https://node/v1 --api-key env:KEY --model m --upstream http://engine:8000/v1
"""

import argparse
import random
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from turnout.benchmarks.figures import Goal, Report
from turnout.benchmarks.load.upstream import MODEL
from turnout.benchmarks.machine import describe_machine, describe_versions
from turnout.benchmarks.reporting import judge, print_report, read_key, redact_keys, run_to_exit_code, say
from turnout.benchmarks.scenarios.assembly import Options, assemble
from turnout.benchmarks.scenarios.schedule import STEPS, plan_steps
from turnout.benchmarks.steps import run_steps

GOALS = (
    Goal("cpu_us_per_request", "us", at_most=100, is_quick=True),
    Goal("cpu_per_request_vs_ref_proto", "ratio", at_most=4, is_quick=True),
    Goal("cpu_per_request_vs_litellm", "ratio", at_most=0.01),
    Goal("cpu_per_request_vs_vllm_router", "ratio", at_most=1.2),
    Goal("cpu_us_per_request_all_stages_on", "us", at_most=200),
    Goal("added_p50_ms_c1", "ms", at_most=0.5, is_quick=True),
    Goal("added_p99_ms_c1", "ms", at_most=1.5),
    Goal("added_ttft_p50_ms_c1", "ms", at_most=0.7, is_quick=True),
    Goal("added_ttft_p50_ms_real_vllm", "ms", at_most=2),
    Goal("cpu_us_per_token", "us", at_most=45, is_quick=True),
    Goal("router_pss_mb", "MB", at_most=120, is_quick=True),
    Goal("lost_in_rolling_update", "requests", at_most=0),
    Goal("lost_beyond_in_flight_on_kill", "requests", at_most=0),
    Goal("idle_gateway_cores", "cores", is_quick=True),
    Goal("idle_cluster_cores", "cores", is_quick=True),
    Goal("idle_cluster_pss_mb", "MB", is_quick=True),
    Goal("cpu_us_per_request_32kb", "us"),
    Goal("cpu_us_per_request_tls", "us"),
    Goal("open_loop_added_p50_ms", "ms"),
    Goal("open_loop_added_p99_ms", "ms"),
)
"""Every row of this script; those without a bound are shown for comparison."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, and returns 0, whatever the goals; 1 if something failed, 130 if it was interrupted. All that was started has ended then."""
    return run_to_exit_code(lambda: run(arguments))


def run(arguments: list[str] | None) -> int:
    """What `main` does, when nothing goes wrong at the start."""
    options, output = parse_arguments(arguments)
    words = redact_keys(sys.argv[1:] if arguments is None else arguments)
    started_at, began = datetime.now(UTC), time.monotonic()
    with ExitStack() as stack:
        assembly = assemble(options, random.Random(options.seed), stack)
        steps = plan_steps(assembly, options)
        findings, samples, failed = run_steps(steps, assembly.setup, say)
        facts = {
            "machine": describe_machine(),
            "versions": describe_versions() | assembly.versions,
            "load_client": assembly.setup.client.description,
            "upstream": assembly.setup.upstream.description,
            "references": [reference.name for reference in assembly.setup.references],
        }
    goals = [goal for goal in GOALS if goal.is_quick or not options.is_quick]
    wanted = [goal for goal in goals if not options.only or any(goal.name in step.figures for step in steps)]
    figures = judge(wanted, findings, assembly.missing)
    report = Report("overhead", words, options.seed, started_at.isoformat(timespec="seconds"), facts, figures, samples)
    print_report(report, time.monotonic() - began)
    if output.json:
        report.write(output.json)
    if output.plot:
        draw(report, output.plot)
    return 1 if failed else 0


@dataclass(frozen=True, slots=True)
class Output:
    """Files that a run leaves behind, where they're asked for."""

    json: Path | None
    plot: Path | None


def parse_arguments(arguments: list[str] | None) -> tuple[Options, Output]:
    """What the command line asks for; ends the program with a usage message where that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="overhead", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the rows marked quick, in at most 110 s on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, raw samples too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it as PNG, SVG or PDF (needs matplotlib)")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice; 1 unless given")
    parser.add_argument("--only", action="append", default=[], choices=STEPS, help="run this scenario; repeat for more")
    parser.add_argument("--rate", type=float, default=500.0, metavar="R", help="requests a second in open loop (500)")
    add_target_arguments(parser.add_argument_group("a gateway that runs already"))
    add_comparison_arguments(parser.add_argument_group("what to compare with, in a full run"))
    given = vars(parser.parse_args(arguments))
    if (given["target"] is None) != (given["upstream"] is None):
        parser.error("--target and --upstream go together: one is measured against the other")
    output = Output(given.pop("json"), given.pop("plot"))
    keys = {name: read_key(given.pop(name)) for name in ("api_key", "upstream_api_key")}
    lists = {name: tuple(given.pop(name)) for name in ("only", "pids")}
    return Options(is_quick=given.pop("quick"), **given, **keys, **lists), output


def add_target_arguments(group: "argparse._ArgumentGroup") -> None:
    """Options for measuring somebody's own gateway, such as one in front of GPU nodes."""
    group.add_argument(
        "--target", metavar="URL", help="its route, such as http://node:8000/v1; else one is started here"
    )
    group.add_argument("--api-key", metavar="env:NAME", help="for it: a variable's name, or the key itself")
    group.add_argument("--model", default=MODEL, metavar="NAME", help="to ask it for")
    group.add_argument("--upstream", metavar="URL", help="the model server behind it, to measure without the gateway")
    group.add_argument("--upstream-api-key", metavar="env:NAME", help="for that")
    group.add_argument("--upstream-model", metavar="NAME", help="if the server calls the model differently")
    help_on_pid = "a process of the gateway on this machine, for the CPU and memory rows; repeat for more"
    group.add_argument("--pid", dest="pids", type=int, action="append", default=[], metavar="N", help=help_on_pid)


def add_comparison_arguments(group: "argparse._ArgumentGroup") -> None:
    """Options for what stands beside our own gateway."""
    group.add_argument("--litellm-venv", type=Path, metavar="DIR", help="an environment with litellm[proxy]")
    group.add_argument("--vllm-router-venv", type=Path, metavar="DIR", help="an environment with vllm-router")
    group.add_argument(
        "--engine", default="smollm2", metavar="MODEL", help="for the vLLM row: a pulled name or a folder"
    )
    group.add_argument("--engine-url", metavar="URL", help="a vLLM server that runs already; --engine is its model")


def draw(report: Report, file: Path) -> None:
    """The plot, where matplotlib is installed; a sentence about it where it isn't."""
    try:
        from turnout.benchmarks.charts import draw_overhead
    except ModuleNotFoundError:
        say("no plot: matplotlib isn't installed (pip install 'turnout[bench]')")
        return
    draw_overhead(report, file)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the cluster would outlive a `kill` of this process
    raise SystemExit(main())
