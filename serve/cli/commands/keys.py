"""`turnout keys`: makes, shows, changes and blocks the keys that clients send."""

from typing import Annotated

import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.assignments import FIELDS_HELP, Assignments, read_assignments
from turnout.serve.cli.command import new_app
from turnout.serve.cli.directory_api import open_directory, show, show_rows, tell
from turnout.serve.cli.screen import say, warn

app = new_app(no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(help="A key's id, as `turnout keys list` has it; never the key itself.")]

GENERATE_EPILOG = f"""\b
Examples:
  turnout keys generate team_id=search max_budget=10 budget_duration=1mo
  export OPENAI_API_KEY="$(turnout keys generate user_id=ann models=small rpm_limit=60)"
The key alone goes to standard output. It is shown this once: Control keeps its hash.
{FIELDS_HELP}"""
LIST_EPILOG = """\b
Examples:
  turnout keys list
  turnout keys list --team search --json | jq -r '.[].key_id'"""
INFO_EPILOG = """\b
Example:
  turnout keys info k-1f3a"""
UPDATE_EPILOG = f"""\b
Examples:
  turnout keys update k-1f3a max_budget=20 tags=nightly
  turnout keys update k-1f3a rpm_limit=none
{FIELDS_HELP}"""
DELETE_EPILOG = """\b
Example:
  turnout keys delete k-1f3a k-77b2"""
BLOCK_EPILOG = """\b
Example:
  turnout keys block k-1f3a"""
UNBLOCK_EPILOG = """\b
Example:
  turnout keys unblock k-1f3a"""
REGENERATE_EPILOG = """\b
Examples:
  turnout keys regenerate k-1f3a                     # the old secret stops working now
  turnout keys regenerate k-1f3a --grace-s 86400     # and here a day later"""


@app.callback()
def keys() -> None:
    """Make, show, change and block the keys that clients send."""


@app.command(epilog=GENERATE_EPILOG)
def generate(fields: Assignments = None, file: File = None) -> None:
    """Make a key and print it."""
    with open_directory(file, "key") as api:
        made = api.make("generate", read_assignments(fields))
    say(made["key"])
    warn(f"key {made['key_id']}; it isn't shown again", style="dim")


@app.command("list", epilog=LIST_EPILOG)
def show_all(
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    as_json: AsJson = False,
    file: File = None,
) -> None:
    """List the keys, the oldest first."""
    with open_directory(file, "key") as api:
        found = api.list_all({"team_id": team, "user_id": user})
    show_rows(
        found,
        {
            "key": "key_id",
            "alias": "key_alias",
            "team": "team_id",
            "user": "user_id",
            "models": "models",
            "budget": "max_budget",
            "expires": "expires",
            "blocked": "blocked",
        },
        as_json=as_json,
    )


@app.command(epilog=INFO_EPILOG)
def info(key_id: KeyId, as_json: AsJson = False, file: File = None) -> None:
    """Show a key, and what routers obey for it."""
    with open_directory(file, "key") as api:
        found = api.get(key_id)
    show(found, as_json=as_json)


@app.command(epilog=UPDATE_EPILOG)
def update(key_id: KeyId, fields: Assignments = None, file: File = None) -> None:
    """Change a key; what isn't named stays."""
    with open_directory(file, "key") as api:
        tell(api.make("update", {"key_id": key_id, **read_assignments(fields)}), "key_id", "is changed")


@app.command(epilog=DELETE_EPILOG)
def delete(
    key_ids: Annotated[list[str], typer.Argument(help="Ids of keys.", metavar="KEY_ID...")], file: File = None
) -> None:
    """Delete keys, for good; the ledger keeps their rows."""
    with open_directory(file, "key") as api:
        say(f"deleted: {', '.join(api.delete(key_ids))}")


@app.command(epilog=BLOCK_EPILOG)
def block(key_id: KeyId, file: File = None) -> None:
    """Refuse a key until it's unblocked."""
    with open_directory(file, "key") as api:
        tell(api.make("block", {"key_id": key_id}), "key_id", "is blocked")


@app.command(epilog=UNBLOCK_EPILOG)
def unblock(key_id: KeyId, file: File = None) -> None:
    """Let a blocked key in again."""
    with open_directory(file, "key") as api:
        tell(api.make("unblock", {"key_id": key_id}), "key_id", "is unblocked")


@app.command(epilog=REGENERATE_EPILOG)
def regenerate(
    key_id: KeyId,
    grace_s: Annotated[float, typer.Option(help="Seconds for which the secret before works too.")] = 0.0,
    file: File = None,
) -> None:
    """Give a key a new secret and print it."""
    with open_directory(file, "key") as api:
        say(api.make("regenerate", {"key_id": key_id, "grace_s": grace_s})["key"])
