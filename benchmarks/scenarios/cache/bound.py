"""How often each policy answers, and how often wrongly, over many orders of three streams."""

import os
import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.benchmarks.scenarios.cache.streams.policies import FixedThreshold, PerEntry, Policy, Pooled
from turnout.benchmarks.scenarios.cache.streams.questions import SETS
from turnout.benchmarks.scenarios.cache.streams.replay import Judge, Tally, replay
from turnout.benchmarks.scenarios.cache.streams.stream import Stream, prepare, shuffle
from turnout.router.cache.semantic.decision import Bound

EPSILONS = (0.01, 0.02, 0.05)
JUDGE_ERROR = 0.04
OURS, PER_ENTRY, FIXED = "ours", "per_entry", "fixed_0.8"
CONDITIONS = ("plain", "drift", "noisy_judge")


@dataclass(frozen=True, slots=True)
class Trial:
    """
    One policy on one order of a stream.

    Attributes:
        policy: its name.
        condition: `plain`, `drift` or `noisy_judge`.
        epsilon: the error rate that it's told to keep.
        seed: of the order, of audits and of the judge.
    """

    policy: str
    condition: str
    epsilon: float
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of a trial.

    Attributes:
        stream: its name.
        trial: what was tried.
        tally: what came of it.
    """

    stream: str
    trial: Trial
    tally: Tally

    @property
    def error_over_epsilon(self) -> float:
        """At most 1 if the bound was kept."""
        return self.tally.error(self.trial.epsilon) / self.trial.epsilon


def measure_bound(setup: CacheSetup) -> Findings:
    """`worst_error_over_epsilon` of ours, with drift and with a judge that errs, too; hit rates at 1 %, and beside the others."""
    data = setup.get_data()
    outcomes: list[Outcome] = []
    for name, read in SETS.items():
        stream = prepare(read(data), say)
        found = spread(stream, plan_trials(setup.seed, setup.amount.orders))
        outcomes += found
        for line in summarise(found):
            say(f"  {name}: {line}")
    samples = [{"stream": o.stream, **asdict(o.trial), **asdict(o.tally)} for o in outcomes]
    return Findings(find_figures(outcomes), {"bound": samples})


def plan_trials(seed: int, orders: int) -> list[Trial]:
    """Ours under all conditions, the others where they are compared."""
    seeds = range(seed, seed + orders)
    ours = [Trial(OURS, where, rate, at) for where in CONDITIONS for rate in EPSILONS for at in seeds]
    others = [Trial(policy, "plain", EPSILONS[0], at) for policy in (PER_ENTRY, FIXED) for at in seeds]
    return ours + others


def run_trial(stream: Stream, trial: Trial) -> Outcome:
    """Replays one order."""
    randomness = random.Random(trial.seed)
    order = shuffle(stream, trial.seed, trial.condition == "drift")
    judge = Judge(stream.answers, JUDGE_ERROR if trial.condition == "noisy_judge" else 0.0, randomness)
    bound = Bound(trial.epsilon, noise=judge.calibrate())
    policy: Policy
    if trial.policy == OURS:
        policy = Pooled(stream, bound, randomness)
    elif trial.policy == PER_ENTRY:
        policy = PerEntry(trial.epsilon, randomness)
    else:
        policy = FixedThreshold()
    return Outcome(stream.name, trial, replay(stream, order, policy, judge))


def spread(stream: Stream, trials: Sequence[Trial]) -> list[Outcome]:
    """All trials, on every core; children inherit the stream, which would take seconds to send."""
    context = get_context("fork")
    children = []
    workers = os.cpu_count() or 1
    for worker in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_run_part, args=(stream, trials[worker::workers], sender))
        child.start()
        sender.close()
        children.append((child, receiver))
    outcomes: list[Outcome] = []
    for child, receiver in children:
        outcomes += receiver.recv()
        child.join()
    return outcomes


def find_figures(outcomes: Sequence[Outcome]) -> list[Finding]:
    """The figures; hits and errors beside those of the other policies are in the remarks."""
    ours = [outcome for outcome in outcomes if outcome.trial.policy == OURS]
    worst = max(ours, key=lambda outcome: outcome.error_over_epsilon)
    where = f"{worst.stream}, {worst.trial.condition}, ε {worst.trial.epsilon:g}, seed {worst.trial.seed}"
    kept = f"{worst.tally.wrong} wrong of {worst.tally.hits} hits: {where}; of {len(ours)} streams"
    found = [Finding("worst_error_over_epsilon", worst.error_over_epsilon, kept)]
    ratios = []
    for name in ("banking77", "clinc150"):
        rates = {policy: find_hit_rates(outcomes, name, policy) for policy in (OURS, PER_ENTRY)}
        mean, other = (statistics.mean(rates[policy]) for policy in (OURS, PER_ENTRY))
        ratios.append((mean / max(other, 1e-9), name, other))
        remark = f"mean of {len(rates[OURS])}; from {min(rates[OURS]):.3f} to {max(rates[OURS]):.3f}"
        found.append(Finding(f"hit_rate_{name}_eps1", mean, remark))
    ratio, name, other = min(ratios)
    found.append(Finding("hits_vs_per_entry_learned_policy", ratio, f"on {name}, where that one answers {other:.3f}"))
    return found


def find_hit_rates(outcomes: Sequence[Outcome], stream: str, policy: str) -> list[float]:
    """One for each plain order at the smallest epsilon."""
    wanted = (stream, policy, "plain", EPSILONS[0])
    return [
        outcome.tally.hits / outcome.tally.asked
        for outcome in outcomes
        if (outcome.stream, outcome.trial.policy, outcome.trial.condition, outcome.trial.epsilon) == wanted
    ]


def summarise(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each policy, condition and epsilon."""
    groups: dict[tuple[str, str, float], list[Outcome]] = {}
    for outcome in outcomes:
        trial = outcome.trial
        groups.setdefault((trial.policy, trial.condition, trial.epsilon), []).append(outcome)
    return [
        f"{policy}, {condition}, ε {epsilon:g}: hits {statistics.mean(o.tally.hits / o.tally.asked for o in group):.3f}, "
        f"error over ε mean {statistics.mean(o.error_over_epsilon for o in group):.2f}, worst {max(o.error_over_epsilon for o in group):.2f}"
        for (policy, condition, epsilon), group in groups.items()
    ]


def _run_part(stream: Stream, trials: Sequence[Trial], sender: Connection) -> None:
    sender.send([run_trial(stream, trial) for trial in trials])
    sender.close()
