"""What a gateway must be configured with to be judged, in its own words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from turnout.benchmarks.gateways.cluster_file import RemoteModel, describe_models

KEY_VARIABLE = "UPSTREAM_KEY"
LITELLM_LISTS = {
    "any_error": "fallbacks",
    "context_window": "context_window_fallbacks",
    "content_policy": "content_policy_fallbacks",
}


def for_turnout(models: Sequence[RemoteModel]) -> str:
    """The router's `user_config`."""
    return yaml.safe_dump(describe_models(models, f"env:{KEY_VARIABLE}"), sort_keys=False)


def for_litellm(models: Sequence[RemoteModel]) -> str:
    """A `config.yaml` for LiteLLM's proxy; it has no breaker settings and no limit for gaps to carry over."""
    settings: dict[str, Any] = {"num_retries": 2}
    for model in models:
        for cause, names in model.settings.get("fallbacks", {}).items():
            settings.setdefault(LITELLM_LISTS[cause], []).append({model.name: names})
    document = {"model_list": [_litellm_entry(model) for model in models], "litellm_settings": settings}
    return yaml.safe_dump(document, sort_keys=False)


def _litellm_entry(model: RemoteModel) -> dict[str, Any]:
    times: Mapping[str, float] = model.settings.get("timeouts", {})
    limits = {"timeout": times.get("attempt_s"), "stream_timeout": times.get("first_token_s", times.get("attempt_s"))}
    parameters = {
        "model": f"openai/{model.upstream_model}",
        "api_base": model.base_url,
        "api_key": f"os.environ/{KEY_VARIABLE}",
        **{name: seconds for name, seconds in limits.items() if seconds is not None},
    }
    return {"model_name": model.name, "litellm_params": parameters}


WRITERS: Mapping[str, Callable[[Sequence[RemoteModel]], str]] = {"turnout": for_turnout, "litellm": for_litellm}
"""By the gateway's name."""
