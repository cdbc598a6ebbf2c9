"""The strategies that are compared: ours, those of others, and the router's simpler ones. All are told the same."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from turnout.router.catalogue import Routing
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.named import compose
from turnout.router.plan.strategies.pickers import Best
from turnout.router.plan.strategy import Scorer, Strategy

OURS = "balanced"
POWER_OF_TWO = "power_of_two"


class LinearMix:
    """
    Prefix 3, queue 2, KV cache 2, each in [0, 1].

    Source: the scorers and default weights of llm-d's endpoint picker (llm-d.ai/docs/architecture, 2026).
    """

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        features = query.features
        outlooks = [c.foreseen() for c in candidates]
        waiting = [outlook.work.due for outlook in outlooks]
        most, least = max(waiting), min(waiting)
        scores = []
        for candidate, outlook, due in zip(candidates, outlooks, waiting, strict=True):
            new_tokens = outlook.count_new(features.prompt_tokens, features.blocks.hashes)
            queue = (most - due) / (most - least) if most > least else 1.0
            kv_used = candidate.load.kv_used if candidate.load is not None else 0.0
            scores.append((3 * (1 - new_tokens / features.prompt_tokens) + 2 * queue + 2 * (1 - kv_used)) / 7)
        return scores


class NewTokensTimesBatch:
    """
    Fewest tokens to be prefilled, with this request, times sequences there, with this one: `1 / (1 + product)`.

    Source: Zhang et al., LMetric (arXiv 2603.15202, 2026).
    """

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        features, now = query.features, query.now
        scores = []
        for candidate in candidates:
            outlook = candidate.foreseen()
            new_tokens = outlook.count_new(features.prompt_tokens, features.blocks.hashes) + outlook.work.due_tokens
            scores.append(1.0 / (1.0 + new_tokens * (1.0 + outlook.work.batch(now))))
        return scores


def _named(name: str) -> Callable[[Random], Strategy]:
    return lambda rng: compose(Routing(((name, 1.0),)), rng)


def _scored(name: str, make: Callable[[], Scorer]) -> Callable[[Random], Strategy]:
    return lambda rng: Strategy(name, (), make(), Best(rng), rng.random)


REFERENCES: Mapping[str, Callable[[Random], Strategy]] = {
    "round_robin": _named("round_robin"),
    "least_in_flight": _named("least_in_flight"),
    POWER_OF_TWO: _named(POWER_OF_TWO),
    "linear_3_2_2": _scored("linear_3_2_2", LinearMix),
    "new_tokens_x_batch": _scored("new_tokens_x_batch", NewTokensTimesBatch),
}

ALL: Mapping[str, Callable[[Random], Strategy]] = {**REFERENCES, OURS: _named(OURS)}
