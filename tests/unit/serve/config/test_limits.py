"""Limits in the cluster file become the router's."""

from turnout.models.access import Limit, Unit
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.limits import LimitSettings
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.secret import Secrets


def test_a_model_has_its_own_limits_and_the_gateways() -> None:
    document = {
        "auth": {"open_on_loopback": True},
        "limits": {"requests_per_minute": 600, "max_context_tokens": 8000},
        "models": [
            {
                "name": "m",
                "targets": [{"name": "here", "pool": "p"}],
                "limits": {"tokens_per_day": 5, "max_concurrent": 4},
            },
            {"name": "n", "targets": [{"name": "here", "pool": "p"}]},
        ],
    }
    config = DynamicConfig.model_validate(document)
    models = compile_catalogue(config, Overlay(), "v", "127.0.0.1", Secrets({}, "n")).models
    of_all = (Limit("global", Unit.REQUESTS, 600, 60), Limit("global", Unit.CONTEXT_TOKENS, 8000))
    assert models["n"].limits == of_all
    assert models["m"].limits == (
        *of_all,
        Limit("model:m", Unit.TOKENS, 5, 86400),
        Limit("model:m", Unit.CONCURRENT, 4),
    )


def test_every_key_is_a_limit() -> None:
    settings = LimitSettings(**dict.fromkeys(LimitSettings.model_fields, 7))
    assert len(settings.to_limits("global")) == len(LimitSettings.model_fields)
    assert LimitSettings().to_limits("global") == ()
