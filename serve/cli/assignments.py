"""`NAME=VALUE` arguments: the fields of the admin API, as they are typed on a command line."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from turnout.serve.cli.refusal import ExitCode, Refusal

_LISTS = frozenset({"models", "operations", "regions", "tags"})
_TEXTS = frozenset(
    {"tier", "duration", "budget_duration", "max_budget", "soft_budget", "downgrade_to", "role", "user_role"}
    | {f"{word}_{part}" for word in ("key", "team", "user", "organization") for part in ("id", "alias")}
)

Assignments = Annotated[
    list[str] | None,
    typer.Argument(help="What it is and may: fields of the admin API, `none` for null.", metavar="[NAME=VALUE]..."),
]

FIELDS_HELP = """\
Fields: models=a,b  operations=chat,embeddings  regions=eu,ch  duration=30d  max_budget=10  soft_budget=8  budget_duration=1mo  rpm_limit=60
tpm_limit=100000  max_parallel_requests=8  priority=5  tier=NAME  tags=x,y  blocked=true  local_only=true  metadata='{"owner": "ann"}'
model_max_budget='{"big": {"max_budget": 5}}'  limits='[{"unit": "output_tokens", "amount": 1000}]', and what docs/access.md has more."""


def read_assignments(words: Sequence[str] | None) -> dict[str, object]:
    """
    The words as a JSON object's fields.

    Raises:
        Refusal: a word isn't NAME=VALUE, or comes twice; whether the name is known is the admin API's to say.
    """
    fields: dict[str, object] = {}
    for word in words or ():
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise Refusal(f"{word!r} isn't NAME=VALUE", "such as max_budget=10", ExitCode.BAD_INPUT)
        if name in fields:
            raise Refusal(f"{name} is given twice", "", ExitCode.BAD_INPUT)
        fields[name] = _read_value(name, value)
    return fields


def _read_value(name: str, value: str) -> object:
    if value == "none":
        return None
    if name in _LISTS:
        return [part for part in value.split(",") if part]
    if name in _TEXTS:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
