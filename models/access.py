"""Who asks, what they may, and within which limits: the words that Control writes and routers obey."""

import enum
from collections.abc import Iterable

import msgspec

WILDCARD = "*"
"""At the end of a public model's name, it stands for any rest."""


class Unit(enum.Enum):
    """What a limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    """Input and output together."""
    CONCURRENT = "concurrent"
    CONTEXT_TOKENS = "context_tokens"
    """Of one request: its prompt."""
    OUTPUT_TOKENS = "output_tokens"
    """Of one request: what it may ask for."""


class Limit(msgspec.Struct, frozen=True, array_like=True):
    """
    A bound on use.

    Attributes:
        bucket: who shares it, such as `key:k-1` or `team:search`; the same bucket, unit, window and model in two principals is one count.
        unit: what is counted.
        amount: most of it, in a window, at once, or in one request.
        window_s: 60, 3600 or 86400 for requests and tokens; 0 for the other units.
        model: a public model that it's for, or "" for all.
        is_hard: a soft one is told of and doesn't refuse.
    """

    bucket: str
    unit: Unit
    amount: int
    window_s: int = 0
    model: str = ""
    is_hard: bool = True


class Principal(msgspec.Struct, frozen=True, array_like=True):
    """
    Who asks, with everything that follows from it already put together: what its key, user, team, organisation and tier say.

    Attributes:
        tenant: the organisation that pays.
        key_id: which key asked, for ledger and logs; never the key.
        allowed_models: public names, or None for all.
        priority: added to the request's own; lower is sooner.
        team, user, tier: names, or "".
        allowed_operations: `chat`, `completions`, `embeddings`, or None for all.
        is_local_only: prompts of this principal never leave the cluster.
        expires_at_s: unix time from which on the key is refused, or None.
        is_blocked: refused now.
        share: its part of a pool that isn't enough for all, against the others' shares.
        limits: all that apply; every one must be kept.
        budgets: ids of the budgets that its spending counts against; every one must have something left.
        tags: for reports.
        allowed_regions: where its prompts may be processed, or None for anywhere.
    """

    tenant: str
    key_id: str
    allowed_models: frozenset[str] | None = None
    priority: int = 0
    team: str = ""
    user: str = ""
    tier: str = ""
    allowed_operations: frozenset[str] | None = None
    is_local_only: bool = False
    expires_at_s: float | None = None
    is_blocked: bool = False
    share: float = 1.0
    limits: tuple[Limit, ...] = ()
    budgets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    allowed_regions: frozenset[str] | None = None

    def may_use(self, model: str) -> bool:
        """Whether this principal may name `model`."""
        allowed = self.allowed_models
        return allowed is None or model in allowed or is_covered(model, allowed)


def is_covered(model: str, names: Iterable[str]) -> bool:
    """Whether a name that ends in `*` stands for `model`, which may end in one itself."""
    return any(name.endswith(WILDCARD) and model.startswith(name[:-1]) for name in names)


def common_names(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """What both lists name: of a wildcard and something that it covers, what it covers."""
    return (one & other) | {
        name for mine, theirs in ((one, other), (other, one)) for name in mine if is_covered(name, theirs)
    }


class Role(enum.Enum):
    """What a user or a key may do on the admin routes; each includes what the ones below may."""

    ADMIN = "admin"
    """Everything."""
    TEAM_ADMIN = "team_admin"
    """Keys, users and budgets of its own team, within what the team has."""
    MEMBER = "member"
    """Its own keys, within what it has itself."""
    VIEWER = "viewer"
    """To look."""
    SERVICE = "service"
    """Nothing here: keys of applications."""


class Actor(msgspec.Struct, frozen=True):
    """
    Who uses the admin routes.

    Attributes:
        id: for the audit log: a key's id, a user's id, or `admin` for the key of the state folder.
        role: what it may.
        tenant, team, user: where it belongs; "" for the admin of all.
    """

    id: str
    role: Role
    tenant: str = ""
    team: str = ""
    user: str = ""


class Budget(msgspec.Struct, frozen=True, array_like=True):
    """
    Money that may be spent in a time.

    Attributes:
        id: such as `team:search:monthly`.
        amount_nusd: nano-USD.
        window: `total`, `daily`, `weekly`, `monthly` (calendar, UTC) or `rolling:SECONDS`.
        model: a public model that it's for, or "" for all.
        is_hard: a soft one is told of and doesn't refuse.
        alert_shares: of the amount; passing one is told of once a window.
        downgrade_at: share from which on requests go to `downgrade_to`, or None.
        downgrade_to: a cheaper public model, or "".
    """

    id: str
    amount_nusd: int
    window: str = "monthly"
    model: str = ""
    is_hard: bool = True
    alert_shares: tuple[float, ...] = (0.8, 1.0)
    downgrade_at: float | None = None
    downgrade_to: str = ""
