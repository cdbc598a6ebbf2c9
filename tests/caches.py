"""A gateway with an exact cache over fakes, for tests that look at one thing in it."""

import itertools
from dataclasses import dataclass, field

from tests.fakes import FakeClock, FakeSink, FakeUpstream
from tests.gateways import LOCAL, Rig, catalogue
from turnout.router.cache.epochs import EpochPage
from turnout.router.cache.exact import ExactCache
from turnout.router.cache.policy import CachePolicy
from turnout.router.cache.stores.memory import MemoryStore
from turnout.router.cache.stores.store import CacheStore
from turnout.router.cache.tally import CacheTally
from turnout.router.catalogue import Catalogue

POLICY = CachePolicy("r1")
WHOLE = (
    b'{"id":"c-1","object":"chat.completion","created":7,"model":"up-m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":21,"completion_tokens":50,"total_tokens":71}}'
)


@dataclass
class CacheRig:
    """The gateway, and what a test wants to see or change of its cache."""

    upstream: FakeUpstream
    policy: CachePolicy = POLICY
    config: Catalogue | None = None
    store: CacheStore = field(default_factory=lambda: MemoryStore(1024 * 1024))
    page: EpochPage = field(default_factory=EpochPage)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.sink = FakeSink()
        self.tally = CacheTally(self.store.fill)
        self.versions = itertools.count(1)
        self.cache = ExactCache(self.store, self.page, self.tally, self.sink, now=self.clock.now, wall_s=self.clock.now)
        config = self.config or catalogue(LOCAL, cache=self.policy)
        self.rig = Rig(self.upstream, config, cache=self.cache, clock=self.clock)
        self.post = self.rig.post
        self.page.take({})

    def purge(self, slot: int) -> None:
        """Make everything void that depends on a slot."""
        self.page.take({slot: next(self.versions)})

    def count(self, name: str, **labels: str) -> float:
        """A counter of the cache's, as `/metrics` would have it."""
        return sum(
            sample.value
            for family in self.tally.collect()
            for sample in family.samples
            if sample.name in (name, f"{name}_total") and labels.items() <= sample.labels.items()
        )
