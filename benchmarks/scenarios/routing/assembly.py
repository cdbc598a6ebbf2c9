"""Puts together what a run of `routing` needs, and says which scenarios it has."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.routing.replaying import measure_replay
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.benchmarks.steps import Step

STEPS = ("replay",)
"""Every scenario, in its order."""


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
    return [step for step in _describe_steps() if step.name in (options.only or STEPS)]


def assemble(options: Options, stack: ExitStack) -> RoutingSetup:
    """The setup; what a scenario starts is ended with the stack."""
    del stack
    return RoutingSetup(options.is_quick, options.seed, options.data)


def _describe_steps() -> Iterator[Step[RoutingSetup]]:
    yield Step(
        "replay",
        ("ttft_under_2s_points_over_best_reference", "tpot_p99_vs_best_reference", "max_over_mean_load"),
        measure_replay,
    )
