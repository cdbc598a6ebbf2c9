"""What a replay comes to, in a few numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from turnout.benchmarks.scenarios.routing.replay.fleet import Visit
from turnout.benchmarks.scenarios.routing.replay.replica import Replica

OBJECTIVE_S = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """
    One replay under one strategy.

    Attributes:
        under_2s: share of requests whose first token came within 2 s.
        first_p50_s, first_p99_s: seconds to the first token, over all requests.
        token_p50_s, token_p99_s: seconds from token to token, over all answers of more than one.
        hit: share of prompt tokens that replicas had cached.
        requests, busy, prefilled, in_flight: the most loaded replica against the mean, by requests, by time with something to do, by prompt tokens
            computed, and by requests there at once.
    """

    under_2s: float
    first_p50_s: float
    first_p99_s: float
    token_p50_s: float
    token_p99_s: float
    hit: float
    requests: float
    busy: float
    prefilled: float
    in_flight: float

    @property
    def max_over_mean(self) -> float:
        """The worst of the four."""
        return max(self.requests, self.busy, self.prefilled, self.in_flight)

    def to_dict(self) -> dict[str, float]:
        """As JSON takes it."""
        return asdict(self)


def summarise(visits: Sequence[Visit], replicas: Sequence[Replica]) -> Summary:
    """The numbers of a replay that's over."""
    firsts = np.array([visit.first_s for visit in visits])
    tokens = np.array([visit.token_s for visit in visits if visit.token_s is not None])
    places = np.array([visit.place for visit in visits])
    computed = np.array([v.sequence.request.prompt_tokens - v.sequence.cached_tokens for v in visits], dtype=float)
    prompts = sum(visit.sequence.request.prompt_tokens for visit in visits)
    stays = np.array([visit.sequence.ended_at - visit.begun_at for visit in visits])
    count = len(replicas)

    def spread(weights: "np.ndarray[tuple[int], np.dtype[np.float64]] | None") -> float:
        sums = np.bincount(places, weights=weights, minlength=count)
        return float(sums.max() / sums.mean())

    busy = np.array([replica.busy_s for replica in replicas])
    return Summary(
        float((firsts < OBJECTIVE_S).mean()),
        *(float(np.percentile(firsts, at)) for at in (50, 99)),
        *(float(np.percentile(tokens, at)) for at in (50, 99)),
        hit=1 - float(computed.sum()) / prompts,
        requests=spread(None),
        busy=float(busy.max() / busy.mean()),
        prefilled=spread(computed),
        in_flight=spread(stays),
    )
