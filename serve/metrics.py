"""Renders one replica's numbers as Prometheus text, and merges the texts of the replicas on a node."""

from collections.abc import Iterable
from itertools import chain

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


class _Labelled(Collector):
    """Collectors whose samples all carry the replica's name."""

    def __init__(self, inner: Iterable[Collector], replica: str) -> None:
        self._inner = tuple(inner)
        self._replica = replica

    def collect(self) -> Iterable[Metric]:
        """The same families, each sample with label `replica`."""
        for family in chain.from_iterable(collector.collect() for collector in self._inner):
            family.samples = [
                sample._replace(labels={**sample.labels, "replica": self._replica}) for sample in family.samples
            ]
            yield family


class _Merged(Collector):
    def __init__(self, texts: Iterable[bytes]) -> None:
        self._texts = texts

    def collect(self) -> Iterable[Metric]:
        """Each family once, with the samples of all texts."""
        families: dict[str, Metric] = {}
        for text in self._texts:
            for family in text_string_to_metric_families(text.decode()):
                families.setdefault(family.name, Metric(family.name, family.documentation, family.type)).samples.extend(
                    family.samples
                )
        return families.values()


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families."""
        return self._families


def render(collector: Collector, replica: str, *more: Collector) -> bytes:
    """Prometheus text of one replica, whose numbers several may collect."""
    return _text(_Labelled((collector, *more), replica))


def merge(texts: Iterable[bytes]) -> bytes:
    """One text of several replicas' texts; a scraper refuses a family that stands twice."""
    return _text(_Merged(texts))


def write(families: Iterable[Metric]) -> bytes:
    """Prometheus text of what was counted otherwise."""
    return _text(_Given(families))


def _text(collector: Collector) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
