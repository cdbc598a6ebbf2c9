"""A whole request line over fakes, for tests that look at one thing in it."""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes import FakeClock, FakeOut, FakeSink, FakeUpstream, endpoints, head
from tests.fakes_embedding import FakeEmbedding
from turnout.models.openai.request import Operation
from turnout.models.providers.openai_compatible import OpenAICompatible
from turnout.models.target import Target
from turnout.router.account import Account
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.choose.chooser import Chooser
from turnout.router.choose.offers import Offers
from turnout.router.decisions import Decisions
from turnout.router.directory import Directory
from turnout.router.embedding import Embeddings
from turnout.router.execute.attempts import Attempts
from turnout.router.execute.heartbeats import Heartbeats
from turnout.router.execute.slots import Slots
from turnout.router.explain import Explanations
from turnout.router.gateway import Gateway
from turnout.router.idempotency.replays import Replays
from turnout.router.limit.limiter import Limiter
from turnout.router.observe import Observer
from turnout.router.plan.fleet import Fleet
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.strategies.named import Strategies
from turnout.router.stages import Cache, Guard, Shape

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
ANSWER = b'{"id":"1","choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":21,"completion_tokens":50}}'

LOCAL = Target("local", "up-m", "openai_compatible", pool="pool", is_local=True)
REMOTE = Target("remote", "far-m", "openai_compatible", input_price_pusd=2_000_000, output_price_pusd=8_000_000)


def catalogue(*targets: Target, is_open: bool = True, **route: object) -> Catalogue:
    """One model `m` with these targets; targets without a pool get one fixed endpoint named after them."""
    fixed = {target.name: endpoints(f"{target.name}:443") for target in targets if target.pool is None}
    return Catalogue(
        "v1", {"m": ModelRoute("m", targets, **route)}, {k: tuple(v) for k, v in fixed.items()}, is_open=is_open
    )  # type: ignore[arg-type]


@dataclass
class Rig:
    """A gateway and everything a test wants to see or change of it."""

    upstream: FakeUpstream
    config: Catalogue = field(default_factory=lambda: catalogue(LOCAL))
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"pool": ("a",)})
    guard: Guard | None = None
    shape: Shape | None = None
    cache: Cache | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    replays: Replays | None = None

    def __post_init__(self) -> None:
        self.sink, self.fleet, self.slots = FakeSink(), Fleet(), Slots()
        self.observer = Observer(self.fleet, self.slots, self.clock.now)
        self.limiter = Limiter(self.observer, self.clock.now)
        self.directory = Directory()
        strategies = Strategies(random.Random(1), Spillways(self.observer, lambda: 1.0))
        self.embedding = FakeEmbedding()
        self.embeddings = Embeddings(self.embedding)
        self.chooser = Chooser(Offers(self.fleet, strategies, self.clock.now), self.embeddings)
        self.explanations = Explanations(self.sink, self.clock.now, random.Random(3).random)
        ids = itertools.count(1)
        attempts = Attempts(
            fleet=self.fleet,
            strategies=strategies,
            slots=self.slots,
            upstream=self.upstream,
            providers={"openai_compatible": OpenAICompatible()},
            account=Account(self.explanations, self.clock.now),
            heartbeats=Heartbeats(self.clock.call_later, self.clock.now),
            tally=self.observer,
            explanations=self.explanations,
            now=self.clock.now,
            sleep=self.clock.sleep,
            draw=random.Random(2).random,
        )
        self.gateway = Gateway(
            self.config,
            guard=self.guard,
            shape=self.shape,
            cache=self.cache,
            replays=self.replays,
            decisions=Decisions(self.sink, self.clock.wall_ns),
            attempts=attempts,
            observer=self.observer,
            limiter=self.limiter,
            directory=self.directory,
            chooser=self.chooser,
            now=self.clock.now,
            wall_ns=self.clock.wall_ns,
            new_id=lambda: f"req-{next(ids)}",
        )
        self.fleet.set_catalogue(self.config)
        self.chooser.set_catalogue(self.config)
        for pool, names in self.pools.items():
            self.fleet.set_pool(pool, endpoints(*names))

    async def post(self, body: bytes = CHAT, operation: Operation = Operation.CHAT, **headers: str) -> FakeOut:
        """Send one request through the line."""
        out = FakeOut()
        await self.gateway.handle(operation, head(**headers), body, out)
        return out
