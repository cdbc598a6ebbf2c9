"""How organisations, teams, users and keys are shown: under the names they are made with, and what follows from all levels."""

from datetime import UTC, datetime
from typing import Any

from turnout.models.access import Budget, Limit, Principal, Unit
from turnout.serve.control.directory.durations import write_usd
from turnout.serve.control.directory.grantee import Grantee, Kind

_ALIASES = {
    Kind.ORGANIZATION: "organization_alias",
    Kind.TEAM: "team_alias",
    Kind.USER: "user_alias",
    Kind.KEY: "key_alias",
}


def show(grantee: Grantee, principal: Principal) -> dict[str, Any]:
    """One, with `effective`: what routers obey."""
    terms = grantee.terms
    return {
        **_show_place(grantee),
        _ALIASES[grantee.kind]: grantee.name or None,
        "models": sorted(terms.models or ()),
        "operations": sorted(terms.operations or ()) or None,
        "regions": sorted(terms.regions or ()) or None,
        "tier": terms.tier or None,
        "priority": terms.priority,
        "share": terms.share,
        "local_only": terms.is_local_only,
        "tags": list(terms.tags),
        "metadata": dict(terms.metadata),
        "blocked": terms.is_blocked,
        "expires": _show_s(terms.expires_at_s),
        "created_at": _show_s(grantee.created_at_ns / 1e9),
        **_show_short_limits(terms.limits),
        "limits": [_show_limit(limit) for limit in terms.limits],
        **_show_main_budget(grantee.budgets),
        "budgets": [_show_budget(budget) for budget in grantee.budgets],
        "effective": _show_effective(principal),
    }


def _show_place(grantee: Grantee) -> dict[str, Any]:
    place: dict[str, Any] = {"organization_id": grantee.tenant}
    if grantee.kind is Kind.ORGANIZATION:
        return place
    place["team_id"] = grantee.team or None
    if grantee.kind is Kind.TEAM:
        return place
    place["user_id"] = grantee.user or None
    if grantee.kind is Kind.USER:
        return {**place, "user_role": grantee.role.value}
    return {"key_id": grantee.id, **place, "role": grantee.role.value}


def _show_effective(principal: Principal) -> dict[str, Any]:
    return {
        "models": None if principal.allowed_models is None else sorted(principal.allowed_models),
        "operations": None if principal.allowed_operations is None else sorted(principal.allowed_operations),
        "regions": None if principal.allowed_regions is None else sorted(principal.allowed_regions),
        "tier": principal.tier or None,
        "priority": principal.priority,
        "share": principal.share,
        "local_only": principal.is_local_only,
        "tags": list(principal.tags),
        "blocked": principal.is_blocked,
        "expires": _show_s(principal.expires_at_s),
        "limits": [_show_limit(limit) for limit in principal.limits],
        "budgets": list(principal.budgets),
    }


def _show_limit(limit: Limit) -> dict[str, Any]:
    return {
        "bucket": limit.bucket,
        "unit": limit.unit.value,
        "amount": limit.amount,
        "window_s": limit.window_s,
        "model": limit.model,
        "hard": limit.is_hard,
    }


def _show_short_limits(limits: tuple[Limit, ...]) -> dict[str, Any]:
    found = {(limit.unit, limit.window_s): limit.amount for limit in limits if not limit.model and limit.is_hard}
    return {
        "rpm_limit": found.get((Unit.REQUESTS, 60)),
        "tpm_limit": found.get((Unit.TOKENS, 60)),
        "max_parallel_requests": found.get((Unit.CONCURRENT, 0)),
    }


def _show_main_budget(budgets: tuple[Budget, ...]) -> dict[str, Any]:
    hard = next((each for each in budgets if each.is_hard and not each.model), None)
    soft = next((each for each in budgets if not each.is_hard), None)
    either = hard or soft
    return {
        "max_budget": write_usd(hard.amount_nusd) if hard else None,
        "soft_budget": write_usd(soft.amount_nusd) if soft else None,
        "budget_duration": either.window if either else None,
    }


def _show_budget(budget: Budget) -> dict[str, Any]:
    return {
        "budget_id": budget.id,
        "amount_usd": write_usd(budget.amount_nusd),
        "window": budget.window,
        "model": budget.model,
        "hard": budget.is_hard,
        "alert_shares": list(budget.alert_shares),
        "downgrade_at": budget.downgrade_at,
        "downgrade_to": budget.downgrade_to or None,
    }


def _show_s(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat()
