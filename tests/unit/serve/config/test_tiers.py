"""Tiers in the cluster file become what keys may do; names that fit nothing are refused."""

from typing import Any

import pytest

from turnout.models.access import Limit, Unit
from turnout.router.catalogue import Catalogue
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.part import Part
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.config.tiers import check_tiers

DOCUMENT: dict[str, Any] = {
    "auth": {"keys": "env:KEYS", "tiers": {"ann": "dev"}},
    "tiers": {
        "dev": {"priority": 5, "share": 0.5, "models": ["m"], "regions": ["eu"], "limits": {"requests_per_minute": 60}}
    },
    "models": [{"name": "m", "targets": [{"name": "here", "pool": "p"}]}],
}


def compiled(document: dict[str, Any]) -> Catalogue:
    secrets = Secrets({"KEYS": "ann=sk-0123456789,bob=sk-9876543210"}, "n")
    return compile_catalogue(DynamicConfig.model_validate(document), Overlay(), "v", "127.0.0.1", secrets)


def test_a_key_of_the_list_is_a_member_of_its_tier() -> None:
    ann, bob = compiled(DOCUMENT).keys.values()
    assert (ann.tier, ann.priority, ann.share, ann.allowed_models) == ("dev", 5, 0.5, {"m"})
    assert ann.allowed_regions == {"eu"}
    assert ann.limits == (Limit("tier:dev:ann", Unit.REQUESTS, 60, 60),)
    assert (bob.tier, bob.priority, bob.limits, bob.allowed_regions) == ("", 0, (), None)


def test_a_key_of_the_list_is_of_the_tenant_that_the_file_says() -> None:
    ann, bob = compiled({**DOCUMENT, "auth": {**DOCUMENT["auth"], "tenants": {"ann": "acme"}}}).keys.values()
    assert (ann.tenant, ann.tier, bob.tenant) == ("acme", "dev", "default")


@pytest.mark.parametrize("field", ["tiers", "tenants"])
def test_a_key_that_is_not_in_the_list_has_neither_tier_nor_tenant(field: str) -> None:
    with pytest.raises(ConfigError, match=f"auth.{field} names key 'nobody', which isn't in the key list"):
        compiled({**DOCUMENT, "auth": {**DOCUMENT["auth"], field: {"nobody": "dev"}}})


@pytest.mark.parametrize("tiers", [{"nobody": "dev"}, {"ann": "absent"}])
def test_a_name_that_fits_nothing_is_refused_lest_a_key_may_do_more(tiers: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(tiers))):
        compiled({**DOCUMENT, "auth": {**DOCUMENT["auth"], "tiers": tiers}})


def test_the_check_points_at_tiers_and_models_that_are_not_there() -> None:
    document = {
        "auth": {"tiers": {"ann": "dve"}, "oidc": [{"tier": "ops"}]},
        "tiers": {"dev": {"models": ["m", "mm"]}},
        "models": [{"name": "m"}],
    }
    found = [(location, problem.hint) for location, problem in check_tiers(Part((), document))]
    assert [location for location, _ in found] == [
        ("auth", "tiers", "ann"),
        ("auth", "oidc", 0, "tier"),
        ("tiers", "dev", "models", 1),
    ]
    assert "dev" in found[0][1]
