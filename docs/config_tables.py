"""
Writes the tables of `docs/config.md` from the classes that read the cluster file.

    python docs/config_tables.py            rewrites the page
    python docs/config_tables.py --check    exit code 1 if the page isn't what the classes say
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from turnout.serve.config import (
    arguments,
    cache,
    choosing,
    cluster,
    counters,
    decisions,
    dynamic,
    idempotency,
    limits,
    money,
    oidc,
    prices,
    remote,
    resilience,
    routing,
    spill,
    spool,
    store,
    tiers,
)

PAGE = Path(__file__).with_name("config.md")
SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", cluster.ClusterFile),
    ("An application", cluster.Application),
    ("scaling and placement", arguments.ScaledArgs),
    ("args of an engine", arguments.EngineArgs),
    ("args of a scripted engine", arguments.ScriptedEngineArgs),
    ("args of an embedder", arguments.EmbedderArgs),
    ("args of control", arguments.ControlArgs),
    ("store", store.StoreSettings),
    ("counters", counters.CounterSettings),
    ("args of the router", arguments.RouterArgs),
    ("args of a provider", arguments.ProviderArgs),
    ("replicas", arguments.Replicas),
    ("limits", arguments.EdgeSettings),
    ("tls", arguments.TlsSettings),
    ("idempotency", idempotency.IdempotencySettings),
    ("spool", spool.SpoolSettings),
    ("where answers are kept", cache.CacheStoreSettings),
    ("user_config of the router", dynamic.DynamicConfig),
    ("auth", dynamic.AuthSettings),
    ("cache", cache.CacheSettings),
    ("oidc", oidc.OidcSettings),
    ("providers", dynamic.ProviderSettings),
    ("models", dynamic.ModelSettings),
    ("targets", dynamic.TargetSettings),
    ("rules", choosing.RuleSettings),
    ("when", choosing.WhenSettings),
    ("prompt_tokens", choosing.LengthSettings),
    ("time", choosing.HoursSettings),
    ("auto", choosing.AutoSettings),
    ("objective", routing.ObjectiveSettings),
    ("balanced", routing.BalancedSettings),
    ("spill", spill.SpillSettings),
    ("timeouts", resilience.TimeoutSettings),
    ("retries", resilience.RetrySettings),
    ("fallbacks", resilience.FallbackSettings),
    ("degrade", resilience.DegradeSettings),
    ("hedging", resilience.HedgingSettings),
    ("limits of requests", limits.LimitSettings),
    ("tiers", tiers.TierSettings),
    ("money", money.MoneySettings),
    ("prices", prices.PricesSettings),
    ("decisions", decisions.DecisionSettings),
    ("alerts", money.AlertSettings),
    ("breaker", resilience.BreakerSettings),
    ("deployments", cluster.DeploymentOptions),
    ("deployments of the router", cluster.RouterOptions),
    ("deployments of control", cluster.ControlOptions),
    ("runtime_env", cluster.RuntimeEnv),
    ("logging_config", cluster.LoggingSettings),
    ("http_options", cluster.HttpSettings),
    ("grpc_options", cluster.GrpcSettings),
)
"""Each class has its own table, without what it takes unchanged from another one; what `EngineApplication` and the like narrow, the page tells."""

KINDS = {
    "path": "path",
    "string": "text",
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "null": "`null`",
}
UNITS = {"_s": "s", "_bytes": "bytes", "_tokens": "tokens", "_usd": "USD", "_per_token": "USD a token"}


def write_page(text: str) -> str:
    """`text` with every generated table made anew; a table stands between `<!-- table NAME -->` and `<!-- end -->`."""
    tables = {title: write_table(model) for title, model in SECTIONS}
    unknown = set(re.findall(r"<!-- table (.+?) -->", text)) ^ tables.keys()
    if unknown:
        raise SystemExit(f"docs/config.md and SECTIONS don't agree about {sorted(unknown)}")
    return re.sub(
        r"<!-- table (.+?) -->\n.*?<!-- end -->",
        lambda found: f"<!-- table {found[1]} -->\n{tables[found[1]]}\n<!-- end -->",
        text,
        flags=re.DOTALL,
    )


def write_table(model: type[BaseModel]) -> str:
    """One row a key: its type and bounds, its default, its unit, its meaning."""
    schema = model.model_json_schema(mode="validation")
    meanings = read_meanings(model)
    rows = ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if _is_inherited(model, name):
            continue
        default = "**required**" if name in required else _write_default(field.get("default"))
        kind = "number ≥ 0" if name.endswith("_per_token") else _write_type(field, schema.get("$defs", {}))
        unit = next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "")
        rows.append(f"| `{name}` | {kind} | {default} | {unit} | {meanings.get(name, '')} |")
    return "\n".join(rows)


def _is_inherited(model: type[BaseModel], name: str) -> bool:
    """Whether another section has this very key with the same default."""
    others = [
        other for _, other in SECTIONS if other is not model and issubclass(model, other) and name in other.model_fields
    ]
    return any(
        other.model_fields[name].default == model.model_fields[name].default and name != "name" for other in others
    )


def read_meanings(model: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of the class and of those it's made from say of each attribute."""
    meanings: dict[str, str] = {}
    for ancestor in reversed(model.__mro__):
        if ancestor is not BaseModel and issubclass(ancestor, BaseModel) and "__doc__" in vars(ancestor):
            meanings.update(_read_attributes(inspect.getdoc(ancestor) or ""))
    if any("`RemoteSettings`" in meaning for meaning in meanings.values()):
        pointed_at = read_meanings(remote.RemoteSettings)
        meanings = {
            key: pointed_at.get(key, meaning) if "`RemoteSettings`" in meaning else meaning
            for key, meaning in meanings.items()
        }
    return meanings


def _read_attributes(text: str) -> Iterator[tuple[str, str]]:
    _, _, block = text.partition("Attributes:\n")
    entries = re.findall(r"^    ([\w, ]+): (.+(?:\n {8,}.+)*)", block, flags=re.MULTILINE)
    for names, meaning in entries:
        for name in names.split(", "):
            yield name, " ".join(meaning.split()).replace("|", "\\|")


def _write_type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _link(field["$ref"].rpartition("/")[2], definitions)
    options = field.get("anyOf", field.get("oneOf"))
    if options:
        kinds = [_write_type(option, definitions) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    kind = field.get("type", "")
    if kind == "array":
        return f"list of {_write_type(field.get('items', {}), definitions)}"
    if kind == "object":
        values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        return f"mapping to {_write_type(values[0], definitions)}" if isinstance(values[0], dict) else "mapping"
    return KINDS.get(field.get("format", kind), KINDS.get(kind, "anything")) + _write_bounds(field)


def _write_bounds(field: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {field[bound]:.12g}," for bound, sign in signs.items() if bound in field).rstrip(",")


def _link(name: str, definitions: Mapping[str, Any]) -> str:
    title = next((title for title, model in SECTIONS if model.__name__ == name), None)
    if title is None and name.endswith("Application"):
        title = "An application"
    if title is None:
        return _write_type(definitions[name], definitions)
    return f"[{title}](#{re.sub(r'[^a-z0-9 _-]', '', title.lower()).replace(' ', '-')})"


def _write_default(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, dict) and default:
        return "its own defaults"
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    if isinstance(default, list):
        default = ", ".join(sorted(map(str, default))) or "[]"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def main() -> None:
    """Rewrite the page, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    made = write_page(text)
    if "--check" in sys.argv:
        raise SystemExit(0 if made == text else "docs/config.md is out of date: python docs/config_tables.py")
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
