"""`turnout users`: makes, shows and changes users, whose role says what they may do here."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.assignments import FIELDS_HELP, Assignments, read_assignments
from turnout.serve.cli.command import new_app
from turnout.serve.cli.directory_api import DirectoryApi, describe, summarise, tell
from turnout.serve.cli.http import new_client
from turnout.serve.cli.located import locate
from turnout.serve.cli.screen import align, say

app = new_app(no_args_is_help=True)

File = Annotated[
    Path | None, typer.Option("--file", "-f", help="The cluster file; needed where several clusters are up.")
]
UserId = Annotated[str, typer.Argument(help="A user's id, as `turnout users list` has it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

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


@app.callback()
def users() -> None:
    """Make, show and change users, whose role says what they may do here."""


@app.command(epilog=NEW_EPILOG)
def new(fields: Assignments = None, file: File = None) -> None:
    """Make a user."""
    with _api(file) as api:
        tell(api.make("new", read_assignments(fields)), "user_id", "is there")


@app.command("list", epilog=LIST_EPILOG)
def show_all(as_json: AsJson = False, file: File = None) -> None:
    """List the users, the oldest first."""
    with _api(file) as api:
        found = api.list_all({})
    if as_json:
        say(json.dumps(found))
        return
    if found:
        for line in align(
            [
                ("user", "alias", "team", "organization", "role", "models", "budget", "blocked"),
                *(
                    summarise(
                        each,
                        *(
                            "user_id",
                            "user_alias",
                            "team_id",
                            "organization_id",
                            "user_role",
                            "models",
                            "max_budget",
                            "blocked",
                        ),
                    )
                    for each in found
                ),
            ]
        ):
            say(line)


@app.command(epilog=INFO_EPILOG)
def info(user_id: UserId, as_json: AsJson = False, file: File = None) -> None:
    """Show a user, and what follows for it from all levels."""
    with _api(file) as api:
        found = api.get(user_id)
    for line in [json.dumps(found)] if as_json else describe(found):
        say(line)


@app.command(epilog=UPDATE_EPILOG)
def update(user_id: UserId, fields: Assignments = None, file: File = None) -> None:
    """Change a user; its keys follow at once."""
    with _api(file) as api:
        tell(api.make("update", {"user_id": user_id, **read_assignments(fields)}), "user_id", "is changed")


@app.command(epilog=DELETE_EPILOG)
def delete(
    user_ids: Annotated[list[str], typer.Argument(help="Ids of users.", metavar="USER_ID...")], file: File = None
) -> None:
    """Delete users with their keys, for good."""
    with _api(file) as api:
        say(f"deleted: {', '.join(api.delete(user_ids))}")


@contextmanager
def _api(file: Path | None) -> Iterator[DirectoryApi]:
    with new_client() as client:
        yield DirectoryApi(AdminApi(locate(file, os.environ, client).outline, client, os.environ), "user")
