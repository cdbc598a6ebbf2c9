"""What a key may do as a member of a tier."""

import hashlib

import msgspec
import pytest

from tests.fakes import head
from turnout.models.access import Limit, Principal, Unit
from turnout.models.errors import ModelNotFound
from turnout.models.openai.request import Operation
from turnout.router.admit import admit, identify
from turnout.router.call import Arrival
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.directory import Directory, KeyChanges
from turnout.router.tiers import Tier, Tiers, apply_tier

RPM = Limit("tier:dev", Unit.REQUESTS, 60, 60)
DEV = Tier("dev", 5, 0.5, frozenset({"a", "b"}), is_local_only=True, limits=(RPM,), regions=frozenset({"eu", "ch"}))
KEY = "sk-tn-abc"


def member(**own: object) -> Principal:
    return apply_tier(msgspec.structs.replace(Principal("acme", "k-1"), **own), DEV)


def test_a_key_that_says_nothing_has_what_its_tier_says() -> None:
    assert member() == Principal(
        "acme",
        "k-1",
        frozenset({"a", "b"}),
        5,
        tier="dev",
        is_local_only=True,
        share=0.5,
        limits=(Limit("tier:dev:k-1", Unit.REQUESTS, 60, 60),),
        allowed_regions=frozenset({"eu", "ch"}),
    )


@pytest.mark.parametrize(
    ("own", "holds"),
    [
        ({"priority": 9}, {"priority": 9}),
        ({"priority": -9}, {"priority": 5}),
        ({"share": 0.1}, {"share": 0.1}),
        ({"share": 2.0}, {"share": 0.5}),
        ({"allowed_models": frozenset({"b", "c"})}, {"allowed_models": frozenset({"b"})}),
        ({"allowed_models": frozenset({"c"})}, {"allowed_models": frozenset()}),
        ({"allowed_regions": frozenset({"ch", "us"})}, {"allowed_regions": frozenset({"ch"})}),
        ({"allowed_regions": frozenset({"us"})}, {"allowed_regions": frozenset()}),
    ],
)
def test_the_more_restrictive_of_key_and_tier_holds(own: dict[str, object], holds: dict[str, object]) -> None:
    found = member(**own)
    assert {name: getattr(found, name) for name in holds} == holds


def test_a_tier_of_a_critical_service_lifts_its_keys() -> None:
    found = apply_tier(Principal("acme", "k-1"), Tier("critical", -10, 4.0))
    assert (found.priority, found.share, found.allowed_models, found.is_local_only) == (-10, 4.0, None, False)
    assert found.allowed_regions is None


def test_the_keys_own_limits_stay() -> None:
    own = Limit("key:k-1", Unit.REQUESTS, 5, 60)
    assert member(limits=(own,)).limits == (own, Limit("tier:dev:k-1", Unit.REQUESTS, 60, 60))


def digest() -> bytes:
    return hashlib.blake2b(KEY.encode(), digest_size=32).digest()


def directory(tier: str) -> Directory:
    known = Directory()
    known.take(KeyChanges(1, None, {digest(): msgspec.msgpack.encode(Principal("acme", "k-1", tier=tier))}))
    return known


def catalogue(*tiers: Tier) -> Catalogue:
    return Catalogue("v", {"a": ModelRoute("a", ())}, {}, tiers=Tiers({tier.name: tier for tier in tiers}))


def test_a_key_of_control_is_a_member_of_its_tier_and_made_so_once() -> None:
    sent, known, config = head(authorization=f"Bearer {KEY}"), directory("dev"), catalogue(DEV)
    found = identify(sent, config, known, 0)
    assert (found.priority, found.tier) == (5, "dev")
    assert identify(sent, config, known, 0) is found
    assert identify(sent, catalogue(Tier("dev", 7)), known, 0).priority == 7
    known.take(KeyChanges(2, 1, {digest(): msgspec.msgpack.encode(Principal("acme", "k-1"))}))
    assert identify(sent, config, known, 0).tier == ""


def test_a_tier_that_is_not_there_may_use_no_model(caplog: pytest.LogCaptureFixture) -> None:
    sent = head(authorization=f"Bearer {KEY}")
    body = b'{"model":"a","messages":[{"role":"user","content":"hi"}]}'
    with pytest.raises(ModelNotFound):
        admit(Operation.CHAT, sent, body, catalogue(DEV), directory("gone"), Arrival("r", b"r", 0.0, 0))
    (record,) = caplog.records
    assert (vars(record)["tier"], vars(record)["key_id"]) == ("gone", "k-1")
