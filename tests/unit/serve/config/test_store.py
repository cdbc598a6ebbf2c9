"""Which store settings make sense, and what `turnout check` says of the others."""

import pytest
from pydantic import ValidationError

from turnout.serve.config.arguments import ControlArgs
from turnout.serve.config.check import check_text
from turnout.serve.config.secret import ConfigError
from turnout.serve.config.store import write_place

KEYS = {"admin_key": "env:A", "audit_key": "env:B"}
SERVER = {"kind": "postgres", "url": "env:URL"}


def args(**fields: object) -> ControlArgs:
    return ControlArgs.model_validate({"state_dir": "/var/lib/turnout", **fields})


def test_a_file_is_the_default_and_needs_nothing() -> None:
    assert args().store.kind == "sqlite"


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ({"kind": "postgres"}, "needs url"),
        ({"url": "env:URL"}, "say kind: postgres"),
        ({"kind": "postgres", "url": "postgresql://u:hunter2@h/d"}, "env:NAME"),
        ({"kind": "mysql"}, "sqlite"),
    ],
)
def test_half_a_server_is_refused(store: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        args(store=store)


@pytest.mark.parametrize("missing", [*KEYS, "store"])
def test_control_may_be_on_any_node_only_where_nothing_of_it_is_on_one(missing: str) -> None:
    whole = {**KEYS, "store": SERVER, "node": "any"}
    assert args(**whole).node == "any"
    with pytest.raises(ValidationError, match="node: any needs"):
        args(**{name: value for name, value in whole.items() if name != missing})


@pytest.mark.parametrize(
    ("url", "problems"), [("postgresql://u:hunter2@h:5432/d", []), ("mysql://u:hunter2@h/d", ["isn't postgresql://"])]
)
def test_check_reads_the_url_where_it_can_and_never_shows_it(url: str, problems: list[str]) -> None:
    text = (
        "applications:\n  - import_path: turnout.serve.apps:control\n"
        "    args: {state_dir: /tmp, store: {kind: postgres, url: 'env:URL'}}\n"
    )
    told = [problem for problem in check_text(text, {"URL": url}) if ".store" in problem.path]
    assert len(told) == len(problems)
    assert all(part in problem.message for part, problem in zip(problems, told, strict=True))
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    "url",
    ["mysql://h/d", "postgresql:///d", "postgresql://h", "h:5432/d", "postgresql://h:hunter2/d", "postgres://[/d"],
)
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="isn't postgresql://") as refused:
        write_place(url)
    assert url not in str(refused.value)


def test_a_place_is_named_without_user_or_password() -> None:
    assert (
        write_place("postgres://u:hunter2@db.example:6000/ledger?sslmode=require")
        == "the store 'ledger' at db.example:6000"
    )
