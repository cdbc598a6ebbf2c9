"""What to say of settings that aren't converted: what becomes of each, or what to do instead."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from turnout.serve.config.part import Part
from turnout.serve.importing.litellm.source import Source
from turnout.serve.importing.notes import Notes


@dataclass(frozen=True, slots=True)
class Advice:
    """
    What is said of a setting.

    Attributes:
        what: what becomes of it.
        instead: what to do, or "" where there's nothing to do.
    """

    what: str
    instead: str = ""


_BUDGET = Advice(
    "budgets are kept by Control, of organisations, teams, users and keys, and aren't in the file",
    "turnout teams, users, keys and, for everybody together, orgs: docs/budgets.md",
)
_CACHE = Advice("answers aren't cached", "docs/migrating.md says what's missing")
_CALLBACK = Advice(
    "requests aren't sent to other services", "every request is a row of Control's ledger; numbers are in /metrics"
)
_DEFAULT = Advice("requests are passed on as they come, without defaults of the gateway", "let clients send it")
_GUARD = Advice("there are no guards yet")
_STORE = Advice("Control has a store of its own, in args.state_dir")
_SHARED = Advice("routers share limits and budgets through Control")
_CHECKED = Advice("prompts that don't fit go to fallbacks.context_window when an engine or provider refuses them")
_JWT = Advice("who signs in isn't converted", "auth.oidc of the router: docs/security.md")
_KEY_RULES = Advice("rules for new keys aren't in the file", "set them on organisations and teams: docs/access.md")
_SCHEMA = Advice("nothing here depends on it")

_PARAMS: Mapping[str, Advice] = {
    "api_version": Advice("OpenAI's dialect has no api_version"),
    "tags": Advice("there is no routing by tags", "give each group of callers a model, and keys that may use it"),
    "max_budget": _BUDGET,
    "budget_duration": _BUDGET,
    "temperature": _DEFAULT,
    "top_p": _DEFAULT,
    "max_tokens": _DEFAULT,
    "max_completion_tokens": _DEFAULT,
    "seed": _DEFAULT,
    "stop": _DEFAULT,
    "reasoning_effort": _DEFAULT,
    "thinking": _DEFAULT,
    "extra_body": _DEFAULT,
    "drop_params": Advice("what a provider doesn't know isn't taken out of requests", "let clients leave it out"),
    "additional_drop_params": Advice("nothing is taken out of requests", "let clients leave it out"),
    "mock_response": Advice("a model with a fixed answer", "turnout mock, or a scripted_engine application"),
    "max_retries": Advice("retries are a model's, from num_retries"),
    "num_retries": Advice("retries are a model's, from router_settings.num_retries"),
    "input_cost_per_second": Advice("prices are for tokens", "gpu_hour_usd of a pool's target is a price of time"),
    "output_cost_per_second": Advice("prices are for tokens", "gpu_hour_usd of a pool's target is a price of time"),
    "ssl_verify": Advice("certificates are always verified", "ca_file of the provider names your own authority"),
    "guardrails": _GUARD,
    "cache_control_injection_points": Advice("prompts are passed on as they come"),
    "use_in_pass_through": Advice("there are no pass-through routes"),
}
_FACTS: Mapping[str, Advice] = {
    "access_groups": Advice("there are no groups of models", "list the models in keys, teams and tiers"),
    "team_id": Advice("models belong to no team", "list the models that a team may use: turnout teams"),
    "input_cost_per_second": _PARAMS["input_cost_per_second"],
}
_MODULE: Mapping[str, Advice] = {
    "cache": _CACHE,
    "cache_params": _CACHE,
    "callbacks": _CALLBACK,
    "success_callback": _CALLBACK,
    "failure_callback": _CALLBACK,
    "service_callbacks": _CALLBACK,
    "audit_log_callbacks": Advice("Control keeps an audit log of its own", "turnout audit export"),
    "drop_params": _PARAMS["drop_params"],
    "max_budget": _BUDGET,
    "budget_duration": _BUDGET,
    "max_internal_user_budget": _BUDGET,
    "internal_user_budget_duration": _BUDGET,
    "max_end_user_budget": Advice("there are no budgets of clients' own users", "give each of them a key"),
    "default_internal_user_params": _KEY_RULES,
    "default_team_settings": _KEY_RULES,
    "default_team_params": _KEY_RULES,
    "upperbound_key_generate_params": _KEY_RULES,
    "default_key_generate_params": _KEY_RULES,
    "key_generation_settings": _KEY_RULES,
    "guardrails": _GUARD,
    "model_alias_map": Advice(
        "names inside LiteLLM aren't public names", "router_settings.model_group_alias is converted"
    ),
    "ssl_verify": _PARAMS["ssl_verify"],
    "force_ipv4": Advice("addresses are taken as the resolver gives them"),
    "mcp_aliases": Advice("there is no MCP gateway"),
}
_ROUTER: Mapping[str, Advice] = {
    "routing_strategy_args": Advice("LiteLLM's strategies take these"),
    "provider_budget_config": Advice("there are no budgets of providers", "budgets of models: docs/budgets.md"),
    "retry_policy": Advice("what is tried again follows from what went wrong", "docs/resilience.md has the table"),
    "model_group_retry_policy": Advice(
        "what is tried again follows from what went wrong", "docs/resilience.md has the table"
    ),
    "allowed_fails_policy": Advice("breakers count what is the place's fault", "docs/resilience.md has the table"),
    "enable_tag_filtering": _PARAMS["tags"],
    "default_litellm_params": _DEFAULT,
    "default_max_parallel_requests": Advice("limits are a model's", "limits.max_concurrent of each model"),
    "optional_pre_call_checks": Advice("LiteLLM's checks before a call"),
    "caching_groups": _CACHE,
    "cache_responses": _CACHE,
    "guardrail_list": _GUARD,
}
_GENERAL: Mapping[str, Advice] = {
    "database_url": Advice(
        "its keys, users, teams and spending aren't read: a key's hash there is no key here",
        "hand out keys anew: turnout keys generate",
    ),
    "store_model_in_db": Advice(
        "models that were added at run time are in the database, not here",
        "export them by /model/info and add them to the config",
    ),
    "enable_jwt_auth": _JWT,
    "litellm_jwtauth": _JWT,
    "enable_oauth2_auth": _JWT,
    "custom_auth": Advice("there is no code of your own in the gateway", "auth.oidc, or keys of `turnout keys`"),
    "max_parallel_requests": Advice(
        "how much a key may ask at once is the key's or its tier's", "tiers: docs/fairness.md"
    ),
    "pass_through_endpoints": Advice("there are no pass-through routes", "let clients ask the provider itself"),
    "allowed_routes": Advice(
        "the routes are chat, completions, embeddings and models", "keys may be for some of them only"
    ),
    "allowed_ips": Advice("addresses of clients aren't looked at", "a firewall is"),
    "completion_model": Advice("a request without a model is refused", "let clients name one"),
    "infer_model_from_keys": Advice("models are those of the file"),
    "enforce_user_param": Advice("a request without user isn't refused"),
    "key_management_system": Advice(
        "secrets are read from variables and files", "have your secret store write one of them"
    ),
    "alerting_threshold": Advice("slow requests raise no alert", "let Prometheus alert by /metrics"),
    "maximum_spend_logs_retention_period": Advice("rows of the ledger are kept", "docs/spend.md"),
}
_TOP: Mapping[str, Advice] = {
    "guardrails": _GUARD,
    "mcp_servers": Advice("there is no MCP gateway"),
    "vector_store_registry": Advice("there are no vector stores"),
    "search_tools": Advice("there are no search tools"),
    "files_settings": Advice("there is no route for files", "let clients ask the provider itself"),
    "finetune_settings": Advice("there is no route for fine-tuning", "let clients ask the provider itself"),
    "assistant_settings": Advice("there is no route for assistants", "let clients ask the provider itself"),
    "prompts": Advice("there are no stored prompts"),
    "callback_settings": _CALLBACK,
    "agent_list": Advice("there are no agents"),
}

ADVICE: Mapping[str, Mapping[str, Advice]] = MappingProxyType(
    {
        "": _TOP,
        "litellm_settings": _MODULE,
        "router_settings": _ROUTER,
        "general_settings": _GENERAL,
        "litellm_params": _PARAMS,
        "model_info": _FACTS,
    }
)
"""By section, "" for the top of the config."""

NEEDLESS: Mapping[str, Mapping[str, Advice]] = MappingProxyType(
    {
        "litellm_settings": dict.fromkeys(
            ("set_verbose", "json_logs", "telemetry", "suppress_debug_info", "turn_off_message_logging", "redact_user_api_key_info",
             "modify_params", "enable_preview_features", "disable_hf_tokenizer_download", "check_provider_endpoint",
             "public_routes", "enable_redis_auth_cache", "langfuse_default_tags", "disable_end_user_cost_tracking"), _SCHEMA
        ),
        "router_settings": {
            **dict.fromkeys(("redis_host", "redis_port", "redis_password", "redis_url", "redis_db", "cache_kwargs"), _SHARED),
            **dict.fromkeys(("enable_pre_call_checks", "enable_pre_call_check"), _CHECKED),
            **dict.fromkeys(("set_verbose", "debug_level", "client_ttl", "ignore_invalid_deployments"), _SCHEMA),
        },
        "general_settings": {
            **dict.fromkeys(
                ("database_connection_pool_limit", "database_connection_timeout", "disable_spend_logs",
                 "proxy_batch_write_at", "use_redis_transaction_buffer", "allow_requests_on_db_unavailable",
                 "store_prompts_in_spend_logs", "disable_error_logs"), _STORE
            ),
            **dict.fromkeys(("background_health_checks", "health_check_interval", "health_check_details"),
                            Advice("breakers learn from requests, and engines are checked by Serve")),
            **dict.fromkeys(("disable_master_key_return", "disable_adding_master_key_hash_to_db", "ui_access_mode",
                             "litellm_key_header_name", "forward_client_headers_to_llm_api"), _SCHEMA),
        },
        "model_info": {"id": Advice("targets have names, by which they are drained and weighed")},
    }
)  # fmt: skip
"""Settings that have nothing to do in a cluster file, by section."""

_KNOWN_OF_A_MODEL = (
    "supports_", "max_tokens", "max_input_tokens", "max_output_tokens", "base_model", "litellm_provider", "description", "db_model",
    "health_check", "mode", "created_", "updated_", "tier", "source",
)  # fmt: skip
"""Beginnings of `model_info` that only describe a model."""


def tell_unread(source: Source, notes: Notes) -> None:
    """A note for every setting that nobody has read."""
    root = source.root
    for section in ("litellm_settings", "router_settings", "general_settings"):
        _tell(source.unread(source.take(root, section)), section, notes)
    for entry in source.take(root, "model_list").parts():
        _tell(source.unread(entry), "model_list", notes)
        _tell(source.unread(entry.at("litellm_params")), "litellm_params", notes)
        _tell(source.unread(entry.at("model_info")), "model_info", notes)
    _tell(source.unread(root), "", notes)


def _tell(parts: Iterator[Part], section: str, notes: Notes) -> None:
    for part in parts:
        needless = NEEDLESS.get(section, {}).get(part.key)
        known = ADVICE.get(section, {}).get(part.key)
        if part.content is False:
            notes.drop(part, "it's off")
        elif needless is not None:
            notes.drop(part, needless.what)
        elif known is not None:
            notes.leave_out(part, known.what, known.instead)
        elif section == "model_info" and part.key.startswith(_KNOWN_OF_A_MODEL):
            notes.drop(part, "it describes the model, which nothing here depends on")
        else:
            notes.leave_out(part, "there's nothing like it in a cluster file, or it isn't known here")
