"""Puts together what a run of `cache` needs, and says which scenarios it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.cache.setup import FULL, QUICK, CacheSetup
from turnout.benchmarks.steps import Step

STEPS: tuple[str, ...] = ()
"""Every scenario, in its order."""


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line asks for.

    Attributes:
        is_quick: the short form.
        seed: of every random choice.
        data: the folder with the public sets.
        only: names of scenarios; none means all.
    """

    is_quick: bool
    seed: int
    data: Path | None = None
    only: tuple[str, ...] = ()


def plan_steps(options: Options) -> list[Step[CacheSetup]]:
    """The scenarios of this run."""
    return [step for step in _describe_steps() if step.name in (options.only or STEPS)]


def assemble(options: Options) -> CacheSetup:
    """The setup."""
    return CacheSetup(QUICK if options.is_quick else FULL, options.seed, options.data)


def _describe_steps() -> Iterator[Step[CacheSetup]]:
    yield from ()
