"""Counts what the cache does and what it saves, for `/metrics`."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from turnout.router.cache.entry import Entry
from turnout.router.cache.stores.store import Fill


class _Counts:
    """Of one model."""

    __slots__ = (
        "bypassed",
        "hits",
        "joined",
        "kept",
        "misses",
        "saved_input_tokens",
        "saved_nusd",
        "saved_output_tokens",
        "stale",
    )

    def __init__(self) -> None:
        self.hits = self.misses = self.joined = self.stale = self.kept = 0
        self.saved_input_tokens = self.saved_output_tokens = self.saved_nusd = 0
        self.bypassed: dict[str, int] = defaultdict(int)


class CacheTally(Collector):
    """Owner of the cache's numbers in one router replica; labels are model names of the config and reasons of a fixed list."""

    def __init__(self, fill: Callable[[], Fill]) -> None:
        self._fill = fill
        self._models: dict[str, _Counts] = {}

    def hit(self, model: str, entry: Entry) -> None:
        """Count an answer from here, and what it saves."""
        counts = self._of(model)
        counts.hits += 1
        self._save(counts, entry)

    def stale(self, model: str) -> None:
        """Count an answer past its time, given because nothing else could answer; it saves nothing that could have been had."""
        self._of(model).stale += 1

    def join(self, model: str) -> None:
        """Count a request that shares the answer of another one under way."""
        self._of(model).joined += 1

    def miss(self, model: str) -> None:
        """Count a request for which there was nothing."""
        self._of(model).misses += 1

    def bypass(self, model: str, reason: str) -> None:
        """Count a request that had nothing to do with the cache."""
        self._of(model).bypassed[reason] += 1

    def keep(self, model: str) -> None:
        """Count an answer kept."""
        self._of(model).kept += 1

    def collect(self) -> Iterator[Metric]:
        """Every metric family of the cache's."""
        yield self._by_model("turnout_cache_hits", "Requests answered from kept answers.", "hits")
        yield self._by_model("turnout_cache_misses", "Requests that found nothing kept.", "misses")
        yield self._by_model(
            "turnout_cache_joined", "Requests that shared the answer of another one under way.", "joined"
        )
        yield self._by_model(
            "turnout_cache_stale", "Answers past their time, because nothing else could answer.", "stale"
        )
        yield self._by_model("turnout_cache_kept", "Answers that were kept.", "kept")
        bypassed = CounterMetricFamily(
            "turnout_cache_bypassed",
            "Requests that the cache has nothing to do with, by why.",
            labels=[_MODEL, "reason"],
        )
        tokens = CounterMetricFamily(
            "turnout_cache_saved_tokens", "Tokens that hits saved.", labels=[_MODEL, "gen_ai_token_type"]
        )
        money = CounterMetricFamily(
            "turnout_cache_saved_usd", "What hits would have cost, where that's known.", labels=[_MODEL]
        )
        for model, counts in self._models.items():
            for reason, count in counts.bypassed.items():
                bypassed.add_metric([model, reason], count)
            tokens.add_metric([model, "input"], counts.saved_input_tokens)
            tokens.add_metric([model, "output"], counts.saved_output_tokens)
            money.add_metric([model], counts.saved_nusd / 1e9)
        yield from (bypassed, tokens, money)
        fill = self._fill()
        yield GaugeMetricFamily("turnout_cache_entries", "Answers kept.", value=fill.entries)
        yield GaugeMetricFamily("turnout_cache_bytes", "What they take.", value=fill.size_bytes)

    def _of(self, model: str) -> _Counts:
        counts = self._models.get(model)
        if counts is None:
            counts = self._models[model] = _Counts()
        return counts

    @staticmethod
    def _save(counts: _Counts, entry: Entry) -> None:
        counts.saved_input_tokens += entry.input_tokens
        counts.saved_output_tokens += entry.output_tokens
        counts.saved_nusd += entry.cost_nusd or 0

    def _by_model(self, name: str, text: str, attribute: str) -> Metric:
        family = CounterMetricFamily(name, text, labels=[_MODEL])
        for model, counts in self._models.items():
            family.add_metric([model], getattr(counts, attribute))
        return family


_MODEL = "gen_ai_request_model"
