"""Tiers: named policies that bind what the keys in them may do, whatever the keys themselves say."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import structs

from turnout.models.access import Limit, Principal, common_names

_log = logging.getLogger("turnout.tiers")
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Tier:
    """
    What holds for every key of a tier.

    Attributes:
        name: as keys name it.
        priority: lower is sooner.
        share: of a waiting line, against other tenants' shares; above 0.
        models: public names, or None for all.
        is_local_only: prompts never leave the cluster.
        limits: for each key by itself; their buckets are completed with the key's id.
        regions: where prompts may be processed, or None for anywhere.
    """

    name: str
    priority: int = 0
    share: float = 1.0
    models: frozenset[str] | None = None
    is_local_only: bool = False
    limits: tuple[Limit, ...] = ()
    regions: frozenset[str] | None = None


def apply_tier(principal: Principal, tier: Tier) -> Principal:
    """
    `principal` as a member of `tier`: of what both say, the more restrictive holds.

    A priority of 0 and a share of 1 are what keys have that say nothing, so these are the tier's, better or worse.
    """
    own = (structs.replace(limit, bucket=f"{limit.bucket}:{principal.key_id}") for limit in tier.limits)
    return structs.replace(
        principal,
        tier=tier.name,
        allowed_models=_common(principal.allowed_models, tier.models),
        priority=max(principal.priority, tier.priority) if principal.priority else tier.priority,
        share=min(principal.share, tier.share) if principal.share != 1.0 else tier.share,
        is_local_only=principal.is_local_only or tier.is_local_only,
        limits=(*principal.limits, *own),
        allowed_regions=_common(principal.allowed_regions, tier.regions),
    )


class Tiers:
    """
    Owner of one snapshot's tiers, and of what they made of principals that came from elsewhere: made once a key, bounded, the oldest goes first.

    Large bodies are admitted on threads, so `apply` may run on any; two that make the same principal at once make equal ones.
    """

    def __init__(self, tiers: Mapping[str, Tier] | None = None) -> None:
        self._tiers = tiers or {}
        self._made: dict[bytes, tuple[Principal, Principal]] = {}

    def __repr__(self) -> str:
        return f"<Tiers {', '.join(self._tiers)}>"

    def apply(self, digest: bytes, principal: Principal) -> Principal:
        """
        A principal as a member of the tier that it names; of one that isn't here, as one that may use no model.

        Args:
            digest: of its key or token.
            principal: as Control or an issuer told of it; the same object as long as nothing has changed.
        """
        if not principal.tier:
            return principal
        made = self._made.get(digest)
        if made is not None and made[0] is principal:
            return made[1]
        tier = self._tiers.get(principal.tier)
        if tier is None:
            _log.warning(
                "unknown tier: the key may use no model", extra={"tier": principal.tier, "key_id": principal.key_id}
            )
            tier = Tier(principal.tier, models=frozenset())
        member = apply_tier(principal, tier)
        if len(self._made) >= _MOST:
            self._made.pop(next(iter(self._made), b""), None)
        self._made[digest] = (principal, member)
        return member


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """What both name, where None is everything."""
    if one is None or other is None:
        return one if other is None else other
    return common_names(one, other)
