"""Puts together what all levels say into the one Principal that routers obey, and says where one would have more than another."""

from collections.abc import Iterable, Sequence

from turnout.models.access import Budget, Limit, Principal, common_names, is_covered
from turnout.serve.control.directory.grantee import Grantee, Kind

Names = frozenset[str] | None


def resolve(levels: Sequence[Grantee], key_id: str = "", ends_at_s: float | None = None) -> Principal:
    """
    What follows from all levels together: every one of them holds.

    Args:
        levels: from the organisation down; at least one.
        key_id: which key asks.
        ends_at_s: when the secret that's asked with stops working, whatever the key says.
    """
    terms = [level.terms for level in levels]
    last = levels[-1]
    return Principal(
        tenant=last.tenant,
        key_id=key_id,
        allowed_models=_common(each.models for each in terms),
        priority=max((each.priority for each in terms if each.priority is not None), default=0),
        team=last.team,
        user=last.user,
        tier=next((each.tier for each in reversed(terms) if each.tier), ""),
        allowed_operations=_common(each.operations for each in terms),
        is_local_only=any(each.is_local_only for each in terms),
        expires_at_s=_soonest((*(each.expires_at_s for each in terms), ends_at_s)),
        is_blocked=any(each.is_blocked for each in terms),
        share=min((each.share for each in terms if each.share is not None), default=1.0),
        limits=tuple(limit for each in terms for limit in each.limits),
        budgets=tuple(budget.id for level in levels for budget in level.budgets),
        tags=tuple(dict.fromkeys(tag for each in terms for tag in each.tags)),
        allowed_regions=_common(each.regions for each in terms),
    )


def find_excess(new: Principal, held: Principal) -> list[str]:
    """
    What `new` would have and `held` hasn't, as texts that name it; empty if there's nothing.

    Limits and budgets are the same where they are the same bucket or id: two of one size each are twice as much.
    """
    told = [
        *_more_names("model", new.allowed_models, held.allowed_models),
        *_more_names("operation", new.allowed_operations, held.allowed_operations),
        *_more_names("region", new.allowed_regions, held.allowed_regions),
    ]
    if new.priority < held.priority:
        told.append(f"priority {new.priority}: you have {held.priority}")
    if new.share > held.share:
        told.append(f"share {new.share:g}: you have {held.share:g}")
    if new.tier != held.tier:
        told.append(f"tier {new.tier!r}: yours is {held.tier!r}")
    if held.is_local_only and not new.is_local_only:
        told.append("prompts that leave the cluster: yours don't")
    if held.expires_at_s is not None and (new.expires_at_s is None or new.expires_at_s > held.expires_at_s):
        told.append("a later expiry than yours")
    if held.is_blocked and not new.is_blocked:
        told.append("what is blocked stays so")
    told += [f"no {_write(limit)}: yours" for limit in held.limits if not _keeps(new.limits, limit)]
    told += [f"no budget {budget!r}: yours" for budget in held.budgets if budget not in new.budgets]
    return told


def find_raised(new: Sequence[Budget], old: Sequence[Budget]) -> list[str]:
    """Which of the old budgets the new ones raise or soften, as texts; one that's missing is `find_excess`'s to find."""
    now = {budget.id: budget for budget in new}
    pairs = [(now[budget.id], budget) for budget in old if budget.id in now]
    return [
        f"budget {after.id!r} of {after.amount_nusd} nano-USD: it has {before.amount_nusd}"
        for after, before in pairs
        if after.amount_nusd > before.amount_nusd or (before.is_hard and not after.is_hard)
    ]


def level_bucket(kind: Kind, grantee_id: str) -> str:
    """The bucket of a level's own limits, and what the ids of its budgets begin with."""
    return f"{kind.value}:{grantee_id}"


def _common(stated: Iterable[Names]) -> Names:
    common: Names = None
    for names in stated:
        if names is not None:
            common = names if common is None else common_names(common, names)
    return common


def _soonest(times: Iterable[float | None]) -> float | None:
    return min((each for each in times if each is not None), default=None)


def _more_names(what: str, new: Names, held: Names) -> list[str]:
    if held is None:
        return []
    if new is None:
        return [f"all {what}s: you have {', '.join(sorted(held)) or 'none'}"]
    return [f"{what} {name!r}" for name in sorted(new - held) if not is_covered(name, held)]


def _keeps(limits: Sequence[Limit], held: Limit) -> bool:
    """Whether one of `limits` is the same count, as tight and as hard."""
    return any(
        (each.bucket, each.unit, each.window_s, each.model) == (held.bucket, held.unit, held.window_s, held.model)
        and each.amount <= held.amount
        and (each.is_hard or not held.is_hard)
        for each in limits
    )


def _write(limit: Limit) -> str:
    window = f" in {limit.window_s} s" if limit.window_s else ""
    return f"limit of {limit.amount} {limit.unit.value}{window} for {limit.bucket!r}"
