"""Where a request can be sent: targets by name, and the addresses they have right now."""

import enum
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.models.catalog.rates import Rates
from turnout.models.exchange import Headers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One address of a target: an engine replica, or a provider's host.

    Attributes:
        id: stable while the address lives: a replica's id, or `host:port`.
        host: a name or an IP address, without brackets.
        port: TCP port.
        tls: the client-side context, or None for plain HTTP.
        base_path: goes before the route, such as `/v1`; starts with `/` and doesn't end with one, or is empty.
        headers: sent with every request: authorization and the like. Never shown in `repr`.
        proxy: URL of a forward proxy to go through, or None.
        zone: where it is, as Ray or the cloud names it, or "".
        context_tokens: the longest prompt and answer together that an engine there takes, or None where it isn't known.
        heeds_priority: whether an engine there orders its own queue by `priority`; others refuse one.
    """

    id: str
    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    base_path: str = ""
    headers: Headers = field(default=(), repr=False)
    proxy: str | None = field(default=None, repr=False)
    zone: str = ""
    context_tokens: int | None = None
    heeds_priority: bool = False


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """
    When a target's breaker opens, and how it closes again.

    Attributes:
        failure_share: of the attempts of the last `window_s` that failed, from which on it opens.
        min_attempts: in the window before the share says anything.
        window_s: seconds looked back.
        open_s: seconds until the first probe; doubled for each probe that fails, up to `open_max_s`.
        open_max_s: the longest such time.
        probes: attempts let through at once while half open; as many successes close it.
        slow_start_s: seconds over which a closed breaker lets its full share of requests through again.
    """

    failure_share: float = 0.2
    min_attempts: int = 20
    window_s: float = 10.0
    open_s: float = 2.0
    open_max_s: float = 10.0
    probes: int = 3
    slow_start_s: float = 5.0


class ContinueBy(enum.Enum):
    """How a target takes over an answer that another began."""

    PREFILL = "prefill"
    """It goes on from a last message of the assistant."""
    INSTRUCTION = "instruction"
    """It's asked in words to go on."""
    NEVER = "never"


class Capability(enum.Enum):
    """What a request may need that not every model has."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """
    What a model is good for, as far as somebody has said.

    Attributes:
        capabilities: all that it has, or None where nobody has said: then it isn't left out for lacking one.
        context_tokens: the longest prompt and answer together, or None.
        quality: 0 to 1, against the other models of the cluster; None where nobody has said.
        tasks: what it's made for, such as `code` or `legal`.
    """

    capabilities: frozenset[Capability] | None = None
    context_tokens: int | None = None
    quality: float | None = None
    tasks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """
    A configured pool or provider model: the stable name that weights, breakers, metrics and the ledger use.

    Attributes:
        name: unique in a cluster.
        model: what the upstream calls the model.
        provider: which adapter speaks to it, such as `openai_compatible`.
        pool: the Serve application whose replicas are its endpoints, or None for a fixed address.
        is_local: whether prompts stay inside the cluster.
        weight: its share where a strategy uses weights; 0 takes it out of rotation.
        input_price_pusd: pico-USD (10⁻¹² USD) a prompt token, or None if it isn't known (never 0 for unknown). Nano-USD would be too coarse:
            0.0375 USD a million tokens is 37.5 of them.
        output_price_pusd: pico-USD a completion token, or None.
        cache_read_price_pusd: pico-USD a prompt token that the upstream had cached, or None where that's as much as another.
        breaker: None has no breaker.
        max_output_tokens: of a request that names no limit and counts against a hard budget: without one, nothing bounds what it costs.
        continues_by: how it takes over an answer that it didn't begin. Replicas of one pool pass tokens to each other whatever is set here.
        vendor: whose it is, as callers name it in `provider{order, only, ignore}`: a name under `providers`, or `local` for pools.
        region: where prompts are processed, such as `eu`, or "" where nobody has said: then no request that must stay in a region goes there.
        keeps_prompts: whether prompts may be kept there after the answer; taken for so unless the config denies it. Pools keep none.
        card: what its model is good for.
        gpu_hour_nusd: nano-USD that an hour of one replica costs, or None.
        rates: of a model with a `*`, what each model that it may stand for costs, by the upstream's name; None where nobody knows.
    """

    name: str
    model: str
    provider: str
    pool: str | None = None
    is_local: bool = False
    weight: float = 1.0
    input_price_pusd: int | None = None
    output_price_pusd: int | None = None
    breaker: BreakerPolicy | None = BreakerPolicy()
    max_output_tokens: int = 4096
    continues_by: ContinueBy = ContinueBy.INSTRUCTION
    vendor: str = ""
    region: str = ""
    keeps_prompts: bool = True
    card: ModelCard = ModelCard()
    gpu_hour_nusd: int | None = None
    cache_read_price_pusd: int | None = None
    rates: Mapping[str, Rates] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Load:
    """
    What an engine says of itself, in the head of every answer and as Serve routing statistics.

    Attributes:
        running: sequences being decoded.
        waiting: sequences queued in the engine.
        kv_used: share of the KV cache in use, 0 to 1.
        prefill_tokens: prompt tokens accepted and not yet prefilled.
    """

    running: int
    waiting: int
    kv_used: float
    prefill_tokens: int

    def to_header(self) -> bytes:
        """The value of `x-turnout-load`: four numbers, separated by blanks."""
        return b"%d %d %.3f %d" % (self.running, self.waiting, self.kv_used, self.prefill_tokens)

    @classmethod
    def try_parse(cls, value: bytes) -> "Load | None":
        """The load in an `x-turnout-load` value, or None if it isn't one."""
        try:
            running, waiting, kv_used, prefill = value.split()
            return cls(int(running), int(waiting), float(kv_used), int(prefill))
        except ValueError:
            return None


LOAD_HEADER = b"x-turnout-load"
