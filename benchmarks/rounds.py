"""Measures several subjects under the same load in turns, so that whatever else the machine does hits them all."""

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from turnout.benchmarks.load.client import LoadClient
from turnout.benchmarks.load.plan import LoadPlan, LoadResult
from turnout.benchmarks.processes import CpuMeter

FEWEST_FOR_QUARTILES = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """
    Something that answers chat completions.

    Attributes:
        name: `turnout`, `direct`, `ref_proto` and the like.
        base_url: with `/v1`, without a slash at the end.
        model: what it calls the model.
        api_key: sent as a bearer token, if there is one.
        find_pids: the processes in a request's way by their role, asked anew for every measurement; None where they can't be known.
    """

    name: str
    base_url: str
    model: str
    api_key: str | None = None
    find_pids: Callable[[], Mapping[str, Sequence[int]]] | None = None

    def aim(self, plan: LoadPlan) -> LoadPlan:
        """The plan with this subject's address and key."""
        key = (("Authorization", f"Bearer {self.api_key}"),) if self.api_key else ()
        return replace(plan, url=f"{self.base_url}/chat/completions", headers=(*plan.headers, *key))


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One subject under load once.

    Attributes:
        subject: its name.
        round: from 0.
        result: what the client saw.
        cpu_s: CPU seconds of the subject's processes from start to end, or None where they can't be known.
        cpu_s_by_role: the same, by what they do.
    """

    subject: str
    round: int
    result: LoadResult
    cpu_s: float | None
    cpu_s_by_role: Mapping[str, float] = field(default_factory=dict)

    @property
    def cpu_us_per_request(self) -> float:
        """CPU microseconds for each good answer."""
        assert self.cpu_s is not None
        return self.cpu_s * 1e6 / self.result.ok

    @property
    def cpu_us_per_event(self) -> float:
        """CPU microseconds for each event of a stream."""
        assert self.cpu_s is not None
        return self.cpu_s * 1e6 / self.result.events


class BadAnswers(Exception):
    """A subject didn't answer everything well, so that its time and cost mean nothing."""


def measure(client: LoadClient, subject: Subject, plan: LoadPlan, round_number: int = 0) -> Sample:
    """
    One run of a plan against a subject, with what it cost.

    Raises:
        BadAnswers: any request got no good answer.
    """
    found = subject.find_pids() if subject.find_pids else {}
    meters = {role: CpuMeter.read(pids) for role, pids in found.items()}
    result = client.run(subject.aim(plan))
    cpu_s_by_role = {role: meter.used() for role, meter in meters.items()}
    if result.failed or not result.ok:
        raise BadAnswers(f"{subject.name}: {result.describe_failures()}")
    cpu_s = sum(cpu_s_by_role.values()) if subject.find_pids else None
    return Sample(subject.name, round_number, result, cpu_s, cpu_s_by_role)


def interleave(
    client: LoadClient,
    subjects: Sequence[Subject],
    plan_for: Callable[[Subject], LoadPlan],
    rounds: int,
    randomness: random.Random,
) -> dict[str, list[Sample]]:
    """
    Every subject once a round, in a new order each round.

    Returns:
        The samples of each subject by its name, one for each round.

    Raises:
        BadAnswers: any request got no good answer.
    """
    samples: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in randomness.sample(list(subjects), len(subjects)):
            samples[subject.name].append(measure(client, subject, plan_for(subject), number))
    return samples


def median_and_best(values: Sequence[float]) -> tuple[float, float]:
    """The median and the smallest of at least one value."""
    return statistics.median(values), min(values)


@dataclass(frozen=True, slots=True)
class Difference:
    """
    How much more one subject took than another, from rounds in which both were measured.

    Attributes:
        median: of the differences within each round.
        error: its standard error, by the rounds' interquartile range; half of the range with fewer than four rounds.
    """

    median: float
    error: float


def compare_rounds(with_it: Sequence[float], without: Sequence[float]) -> Difference:
    """What the first took more than the second, round by round; at least one round."""
    differences = sorted(a - b for a, b in zip(with_it, without, strict=True))
    if len(differences) < FEWEST_FOR_QUARTILES:
        return Difference(statistics.median(differences), (differences[-1] - differences[0]) / 2)
    lower, _, upper = statistics.quantiles(differences, n=4)
    # For a normal distribution: sigma is the range / 1.35, and a median's error is 1.25 sigma / sqrt(n).
    return Difference(statistics.median(differences), 1.25 * (upper - lower) / 1.35 / math.sqrt(len(differences)))


def paired_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the ratios within each round: what slowed a whole round down cancels out."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """The value at this share of the sorted values, by the nearest rank below, as the load client takes it; at least one value."""
    ordered = sorted(values)
    return ordered[int((len(ordered) - 1) * share)]
