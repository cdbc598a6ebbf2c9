"""Puts together what a run of `cache` needs, and says which scenarios it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.cache.bound import measure_bound
from turnout.benchmarks.scenarios.cache.lookup import measure_lookup
from turnout.benchmarks.scenarios.cache.pairs.agents import measure_agents
from turnout.benchmarks.scenarios.cache.pairs.collisions import measure_collisions
from turnout.benchmarks.scenarios.cache.pairs.conversations import measure_conversations
from turnout.benchmarks.scenarios.cache.pairs.traps import measure_traps
from turnout.benchmarks.scenarios.cache.setup import FULL, QUICK, CacheSetup
from turnout.benchmarks.steps import Step

STEPS = ("lookup", "bound", "traps", "conversations", "agents", "collisions")
"""Every scenario, in its order."""

_ONLY_FULL = frozenset({"collisions"})


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
    usual = [name for name in STEPS if not (options.is_quick and name in _ONLY_FULL)]
    return [step for step in _describe_steps() if step.name in (options.only or usual)]


def assemble(options: Options) -> CacheSetup:
    """The setup."""
    return CacheSetup(QUICK if options.is_quick else FULL, options.seed, options.data)


def _describe_steps() -> Iterator[Step[CacheSetup]]:
    bound = (
        "worst_error_over_epsilon",
        "hit_rate_banking77_eps1",
        "hit_rate_clinc150_eps1",
        "hits_vs_per_entry_learned_policy",
    )
    # First, while no other scenario's threads compete with it.
    yield Step("lookup", ("lookup_100k_p99_ms",), measure_lookup)
    yield Step("bound", bound, measure_bound)
    yield Step("traps", ("trap_pairs_hit_at_1pct_wrong",), measure_traps)
    yield Step("conversations", ("conversations_hit_at_1pct_wrong",), measure_conversations)
    yield Step("agents", ("stale_answers_in_10000_agent_steps",), measure_agents)
    yield Step("collisions", ("collision_attack_success",), measure_collisions)
