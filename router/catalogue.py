"""What the router knows of the configured world: models by public name, their targets, who may ask, and how long things may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.models.target import Endpoint, Target


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds a request to one model may spend; DESIGN's defaults."""

    connect_s: float = 2.0
    first_token_s: float = 60.0
    gap_s: float = 20.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """
    One public model name and what may answer for it.

    Attributes:
        name: what clients put into `model`.
        targets: at least one; a target may stand under several names.
        operations: the routes it serves: `chat`, `completions`, `embeddings`.
        timeouts: for this model.
        max_in_flight: requests at its targets at once from one router replica; more wait in line.
        max_waiting: requests waiting in line; more are refused with 503.
        created_at_s: unix time for `/v1/models`.
    """

    name: str
    targets: tuple[Target, ...]
    operations: frozenset[str] = frozenset({"chat", "completions"})
    timeouts: Timeouts = Timeouts()
    max_in_flight: int = 1024
    max_waiting: int = 1024
    created_at_s: int = 0


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """
    One client key, by its hash.

    Attributes:
        id: what ledger and logs call it.
        tenant: who pays.
        allowed_models: public names, or None for all.
    """

    id: str
    tenant: str
    allowed_models: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """
    One immutable snapshot of the dynamic config; swapped as a whole.

    Attributes:
        version: `<file hash>+<overlay version>`, for status and acknowledgement.
        models: by public name.
        fixed_endpoints: addresses of targets that have no pool, by target name.
        drained: names of targets that take no new requests.
        keys: by BLAKE2b-256 of the key's UTF-8 bytes; never the key.
        is_open: whether requests without a known key are let in as tenant `anonymous` (loopback only; config refuses it elsewhere).
    """

    version: str
    models: Mapping[str, ModelRoute]
    fixed_endpoints: Mapping[str, tuple[Endpoint, ...]]
    drained: frozenset[str] = frozenset()
    keys: Mapping[bytes, KeyEntry] = field(default_factory=dict[bytes, KeyEntry])
    is_open: bool = False
