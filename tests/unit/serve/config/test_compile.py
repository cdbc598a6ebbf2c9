"""How settings, overlay and secrets become the router's catalogue."""

from typing import Any

import pytest

from turnout.serve.config.compile import apply_overlay, compile_catalogue, version_of
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.keys import hash_key
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.secret import ConfigError, Secrets

SETTINGS: dict[str, Any] = {
    "auth": {"keys": "env:KEYS"},
    "providers": {
        "far": {"base_url": "https://far.example/v1", "api_key": "env:FAR_KEY", "headers": {"OpenAI-Project": "p1"}},
        "apart": {"placement": "deployment", "app": "far-app"},
    },
    "models": [
        {
            "name": "small",
            "targets": [
                {"name": "here", "pool": "pool", "weight": 3},
                {
                    "name": "there",
                    "provider": "far",
                    "model": "big-1",
                    "input_cost_per_token": 0.0000000375,
                    "output_cost_per_token": "1.5e-7",
                },
            ],
            "timeouts": {"total_s": 30},
        },
        {
            "name": "alias",
            "targets": [
                {"name": "here", "pool": "pool", "weight": 3},
                {"name": "via", "provider": "apart", "model": "big-1"},
            ],
        },
    ],
}
SECRETS = Secrets(
    {"KEYS": "alice=sk-0123456789\n# a comment, with a comma\nsk-abcdefghij==", "FAR_KEY": " sk-far\n"}, "10.0.0.7"
)


def test_targets_know_their_upstream_their_pool_and_their_exact_price() -> None:
    catalogue = compile_catalogue(DynamicConfig.model_validate(SETTINGS), Overlay(), "v1", "0.0.0.0", SECRETS)
    here, there = catalogue.models["small"].targets
    assert (here.model, here.pool, here.is_local, here.weight, here.input_price_pusd) == (
        "pool",
        "pool",
        True,
        3.0,
        None,
    )
    assert (there.model, there.pool, there.is_local) == ("big-1", None, False)
    assert (there.input_price_pusd, there.output_price_pusd) == (37_500, 150_000)
    assert catalogue.models["small"].timeouts.total_s == 30
    assert catalogue.models["alias"].targets[1].pool == "far-app"
    assert not catalogue.models["alias"].targets[1].is_local


def test_a_fixed_endpoint_carries_the_providers_credentials_and_does_not_show_them() -> None:
    catalogue = compile_catalogue(DynamicConfig.model_validate(SETTINGS), Overlay(), "v1", "0.0.0.0", SECRETS)
    (endpoint,) = catalogue.fixed_endpoints["there"]
    assert (endpoint.id, endpoint.host, endpoint.port, endpoint.base_path) == (
        "far.example:443",
        "far.example",
        443,
        "/v1",
    )
    assert dict(endpoint.headers) == {b"authorization": b"Bearer sk-far", b"openai-project": b"p1"}
    assert endpoint.tls is not None
    assert "sk-far" not in repr(catalogue)
    assert set(catalogue.fixed_endpoints) == {"there"}


def test_keys_are_kept_as_hashes_with_an_id() -> None:
    keys = compile_catalogue(DynamicConfig.model_validate(SETTINGS), Overlay(), "v1", "0.0.0.0", SECRETS).keys
    assert keys[hash_key("sk-0123456789")].key_id == "alice"
    assert keys[hash_key("sk-abcdefghij==")].key_id == f"key-{hash_key('sk-abcdefghij==').hex()[:8]}"
    assert len(keys) == 2


def test_a_key_can_be_given_by_its_hash() -> None:
    secrets = Secrets({"KEYS": f"ci=blake2b:{hash_key('sk-0123456789').hex()}", "FAR_KEY": "x"}, "n")
    assert (
        compile_catalogue(DynamicConfig.model_validate(SETTINGS), Overlay(), "", "::1", secrets)
        .keys[hash_key("sk-0123456789")]
        .key_id
        == "ci"
    )


@pytest.mark.parametrize(
    "text",
    [
        "a=short",
        "white space in it",
        "x=blake2b:12",
        "a=sk-0123456789,a=sk-9876543210",
        "sk-0123456789,sk-0123456789",
        "# none",
        "bad/id=sk-0123456789",
    ],
)
def test_a_key_list_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="key list"):
        compile_catalogue(
            DynamicConfig.model_validate(SETTINGS), Overlay(), "", "::1", Secrets({"KEYS": text, "FAR_KEY": "x"}, "n")
        )


def test_a_missing_secret_names_the_variable_and_the_node() -> None:
    with pytest.raises(ConfigError, match=r"FAR_KEY isn't set on node 10\.0\.0\.7"):
        compile_catalogue(
            DynamicConfig.model_validate(SETTINGS),
            Overlay(),
            "v1",
            "0.0.0.0",
            Secrets({"KEYS": "sk-0123456789"}, "10.0.0.7"),
        )


def test_the_overlay_wins_and_forgets_nothing_that_is_gone() -> None:
    overlay = Overlay(version=3, weights={"here": 0.5, "gone": 9}, drained=frozenset({"there", "gone"}))
    config = DynamicConfig.model_validate(SETTINGS)
    catalogue = compile_catalogue(config, overlay, version_of(config.fingerprint(), overlay), "0.0.0.0", SECRETS)
    assert [target.weight for target in catalogue.models["small"].targets] == [0.5, 1.0]
    assert catalogue.models["alias"].targets[0].weight == 0.5
    assert catalogue.drained == {"there"}
    assert catalogue.version.endswith("+3")


def test_an_overlay_can_be_changed_without_reading_secrets_or_losing_connections() -> None:
    config = DynamicConfig.model_validate(SETTINGS)
    base = compile_catalogue(config, Overlay(), "a", "0.0.0.0", SECRETS)
    changed = apply_overlay(base, Overlay(version=1, weights={"here": 7}), "b")
    assert changed.models["small"].targets[0].weight == 7
    assert changed.fixed_endpoints is base.fixed_endpoints
    assert apply_overlay(base, Overlay(), "a") == base


def test_an_open_route_is_refused_off_loopback() -> None:
    config = DynamicConfig.model_validate(SETTINGS | {"auth": {"open_on_loopback": True}})
    assert compile_catalogue(config, Overlay(), "", "localhost", SECRETS).is_open
    with pytest.raises(ConfigError, match="loopback"):
        compile_catalogue(config, Overlay(), "", "10.0.0.7", SECRETS)


def test_the_fingerprint_is_of_the_meaning_not_of_the_order() -> None:
    turned = dict(reversed(SETTINGS.items())) | {
        "models": [dict(reversed(model.items())) for model in SETTINGS["models"]]
    }
    assert DynamicConfig.model_validate(turned).fingerprint() == DynamicConfig.model_validate(SETTINGS).fingerprint()
    other = SETTINGS | {"auth": {"open_on_loopback": True}}
    assert DynamicConfig.model_validate(other).fingerprint() != DynamicConfig.model_validate(SETTINGS).fingerprint()


def test_the_pools_to_follow_are_those_of_targets_and_of_providers_with_a_deployment() -> None:
    assert DynamicConfig.model_validate(SETTINGS).pools == {"pool", "far-app"}


def test_settings_survive_being_kept_as_json() -> None:
    config = DynamicConfig.model_validate(SETTINGS)
    again = DynamicConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert again.fingerprint() == config.fingerprint()
