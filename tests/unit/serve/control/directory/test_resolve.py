"""What follows from all levels together, and who would have more than another."""

import msgspec
import pytest

from turnout.models.access import Budget, Limit, Principal, Unit
from turnout.serve.control.directory.grantee import Grantee, Kind, Terms
from turnout.serve.control.directory.resolve import find_excess, resolve

NONE = Terms()


def rpm(bucket: str, amount: int = 10, is_hard: bool = True) -> Limit:
    return Limit(bucket, Unit.REQUESTS, amount, 60, "", is_hard)


def levels(org: Terms = NONE, team: Terms = NONE, user: Terms = NONE, key: Terms = NONE) -> list[Grantee]:
    return [
        Grantee(Kind.ORGANIZATION, "acme", "", "acme", terms=org),
        Grantee(Kind.TEAM, "search", "", "acme", "search", terms=team),
        Grantee(Kind.USER, "ann", "", "acme", "search", "ann", terms=user),
        Grantee(Kind.KEY, "k-1", "", "acme", "search", "ann", terms=key),
    ]


def some(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("org", "team", "key", "expected"),
    [
        (None, None, None, None),
        (some("a", "b"), None, None, some("a", "b")),
        (some("a", "b"), some("b", "c"), None, some("b")),
        (None, some("b", "c"), some("c", "d"), some("c")),
        (some("a"), None, some("b"), some()),
        (some("a/*", "b"), some("a/x", "c"), None, some("a/x")),
    ],
)
def test_models_operations_and_regions_are_those_that_every_level_allows(org, team, key, expected) -> None:  # type: ignore[no-untyped-def]
    found = resolve(levels(Terms(models=org), Terms(models=team), key=Terms(models=key)))
    assert found.allowed_models == expected
    found = resolve(levels(Terms(operations=org), Terms(operations=team), key=Terms(operations=key)))
    assert found.allowed_operations == expected
    found = resolve(levels(Terms(regions=org), Terms(regions=team), key=Terms(regions=key)))
    assert found.allowed_regions == expected


def test_every_limit_and_every_budget_of_every_level_counts() -> None:
    tree = levels(
        *(Terms(limits=(rpm(bucket),)) for bucket in ("org:acme", "team:search", "user:ann", "key:k-1")),
    )
    tree = [
        msgspec.structs.replace(each, budgets=(Budget(f"{each.kind.value}:{each.id}:monthly", 1),)) for each in tree
    ]
    found = resolve(tree, "k-1")
    assert [limit.bucket for limit in found.limits] == ["org:acme", "team:search", "user:ann", "key:k-1"]
    assert found.budgets == ("org:acme:monthly", "team:search:monthly", "user:ann:monthly", "key:k-1:monthly")
    assert (found.tenant, found.team, found.user, found.key_id) == ("acme", "search", "ann", "k-1")


@pytest.mark.parametrize("level", range(4))
def test_one_blocked_or_local_level_is_enough(level: int) -> None:
    terms = [Terms()] * 4
    terms[level] = Terms(is_blocked=True, is_local_only=True)
    found = resolve(levels(*terms))
    assert (found.is_blocked, found.is_local_only) == (True, True)


def test_the_soonest_expiry_the_least_share_and_the_greatest_priority_count() -> None:
    one, other = Terms(expires_at_s=5, share=2.0, priority=-3), Terms(expires_at_s=9, share=0.5, priority=4)
    for tree in (levels(one, other), levels(other, key=one)):
        found = resolve(tree)
        assert (found.expires_at_s, found.share, found.priority) == (5, 0.5, 4)
    assert resolve(levels(one), ends_at_s=3).expires_at_s == 3
    assert resolve(levels(Terms(priority=-3))).priority == -3


def test_the_nearest_tier_counts_and_tags_add_up_once() -> None:
    found = resolve(levels(Terms(tier="a", tags=("x", "y")), Terms(tier="b"), key=Terms(tags=("y", "z"))))
    assert (found.tier, found.tags) == ("b", ("x", "y", "z"))


HELD = Principal(
    "acme", "k", some("a", "b"), priority=2, tier="dev", expires_at_s=100.0, share=0.5, limits=(rpm("team:t"),), budgets=("b",),
    allowed_regions=some("eu", "ch"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"allowed_models": some("a"), "priority": 3, "share": 0.1, "expires_at_s": 50.0, "is_blocked": True}, ""),
        ({"allowed_operations": some("chat"), "budgets": ("b", "c"), "limits": (rpm("team:t", 5), rpm("key:x"))}, ""),
        ({"allowed_models": some("a", "c")}, "model 'c'"),
        ({"allowed_models": None}, "all models"),
        ({"allowed_regions": some("ch")}, ""),
        ({"allowed_regions": some("eu", "us")}, "region 'us'"),
        ({"allowed_regions": None}, "all regions"),
        ({"priority": 1}, "priority 1"),
        ({"share": 0.6}, "share 0.6"),
        ({"tier": "production"}, "tier 'production'"),
        ({"expires_at_s": None}, "expiry"),
        ({"expires_at_s": 101.0}, "expiry"),
        ({"limits": ()}, "limit of 10 requests in 60 s"),
        ({"limits": (rpm("team:t", 11),)}, "limit of 10"),
        ({"limits": (rpm("key:x", 10),)}, "limit of 10"),
        ({"limits": (rpm("team:t", 10, is_hard=False),)}, "limit of 10"),
        ({"budgets": ()}, "budget 'b'"),
    ],
)
def test_more_than_is_held_is_found_by_name(change: dict[str, object], told: str) -> None:
    excess = find_excess(msgspec.structs.replace(HELD, **change), HELD)
    assert (not excess) if not told else (len(excess) == 1 and told in excess[0])


def test_what_is_local_or_blocked_stays_so() -> None:
    held = Principal("acme", "k", is_local_only=True, is_blocked=True)
    assert len(find_excess(Principal("acme", "k"), held)) == 2


def test_a_beginning_of_models_is_more_than_one_of_them_and_less_than_a_shorter_one() -> None:
    def may(*names: str) -> Principal:
        return Principal("acme", "k", some(*names))

    assert find_excess(may("a/x", "a/b*"), may("a/*")) == []
    assert find_excess(may("a/*"), may("a/x")) == ["model 'a/*'"]
    assert find_excess(may("*"), may("a/*")) == ["model '*'"]
