"""`turnout users`: makes, shows and changes users, whose role says what they may do here."""

from typing import Annotated

import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.assignments import FIELDS_HELP, Assignments, read_assignments
from turnout.serve.cli.command import new_app
from turnout.serve.cli.directory_api import open_directory, show, show_rows, tell
from turnout.serve.cli.screen import say

app = new_app(no_args_is_help=True)

UserId = Annotated[str, typer.Argument(help="A user's id, as `turnout users list` has it.")]

NEW_EPILOG = f"""\b
Example:
  turnout users new user_id=ann team_id=search user_role=team_admin
{FIELDS_HELP}
And user_id, user_alias, team_id, organization_id, user_role=admin|team_admin|member|viewer|service."""
LIST_EPILOG = """\b
Example:
  turnout users list"""
INFO_EPILOG = """\b
Example:
  turnout users info ann"""
UPDATE_EPILOG = f"""\b
Example:
  turnout users update ann user_role=viewer
{FIELDS_HELP}"""
DELETE_EPILOG = """\b
Example:
  turnout users delete ann
The ledger keeps the rows of its keys."""
BLOCK_EPILOG = """\b
Example:
  turnout users block ann"""
UNBLOCK_EPILOG = """\b
Example:
  turnout users unblock ann"""


@app.callback()
def users() -> None:
    """Make, show and change users, whose role says what they may do here."""


@app.command(epilog=NEW_EPILOG)
def new(fields: Assignments = None, file: File = None) -> None:
    """Make a user."""
    with open_directory(file, "user") as api:
        tell(api.make("new", read_assignments(fields)), "user_id", "is there")


@app.command("list", epilog=LIST_EPILOG)
def show_all(as_json: AsJson = False, file: File = None) -> None:
    """List the users, the oldest first."""
    with open_directory(file, "user") as api:
        found = api.list_all({})
    show_rows(
        found,
        {
            "user": "user_id",
            "alias": "user_alias",
            "team": "team_id",
            "organization": "organization_id",
            "role": "user_role",
            "models": "models",
            "budget": "max_budget",
            "blocked": "blocked",
        },
        as_json=as_json,
    )


@app.command(epilog=INFO_EPILOG)
def info(user_id: UserId, as_json: AsJson = False, file: File = None) -> None:
    """Show a user, and what follows for it from all levels."""
    with open_directory(file, "user") as api:
        found = api.get(user_id)
    show(found, as_json=as_json)


@app.command(epilog=UPDATE_EPILOG)
def update(user_id: UserId, fields: Assignments = None, file: File = None) -> None:
    """Change a user; its keys follow at once."""
    with open_directory(file, "user") as api:
        tell(api.make("update", {"user_id": user_id, **read_assignments(fields)}), "user_id", "is changed")


@app.command(epilog=DELETE_EPILOG)
def delete(
    user_ids: Annotated[list[str], typer.Argument(help="Ids of users.", metavar="USER_ID...")], file: File = None
) -> None:
    """Delete users with their keys, for good."""
    with open_directory(file, "user") as api:
        say(f"deleted: {', '.join(api.delete(user_ids))}")


@app.command(epilog=BLOCK_EPILOG)
def block(user_id: UserId, file: File = None) -> None:
    """Refuse all keys of a user until it's unblocked."""
    with open_directory(file, "user") as api:
        tell(api.make("block", {"user_id": user_id}), "user_id", "is blocked")


@app.command(epilog=UNBLOCK_EPILOG)
def unblock(user_id: UserId, file: File = None) -> None:
    """Let a user in again."""
    with open_directory(file, "user") as api:
        tell(api.make("unblock", {"user_id": user_id}), "user_id", "is unblocked")
