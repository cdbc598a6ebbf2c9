"""`turnout teams`: makes, shows and changes teams, which bound what their users and keys may."""

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
TeamId = Annotated[str, typer.Argument(help="A team's id, as `turnout teams list` has it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

NEW_EPILOG = f"""\b
Example:
  turnout teams new team_id=search organization_id=acme models=small,big max_budget=500 budget_duration=1mo
{FIELDS_HELP}
And team_id, team_alias, organization_id (organisations are made by the admin API)."""
LIST_EPILOG = """\b
Example:
  turnout teams list"""
INFO_EPILOG = """\b
Example:
  turnout teams info search"""
UPDATE_EPILOG = f"""\b
Example:
  turnout teams update search max_budget=800
{FIELDS_HELP}"""
DELETE_EPILOG = """\b
Example:
  turnout teams delete search
It is refused while users belong to it."""


@app.callback()
def teams() -> None:
    """Make, show and change teams, which bound what their users and keys may."""


@app.command(epilog=NEW_EPILOG)
def new(fields: Assignments = None, file: File = None) -> None:
    """Make a team."""
    with _api(file) as api:
        tell(api.make("new", read_assignments(fields)), "team_id", "is there")


@app.command("list", epilog=LIST_EPILOG)
def show_all(as_json: AsJson = False, file: File = None) -> None:
    """List the teams, the oldest first."""
    with _api(file) as api:
        found = api.list_all({})
    if as_json:
        say(json.dumps(found))
        return
    if found:
        for line in align(
            [
                ("team", "alias", "organization", "models", "budget", "blocked"),
                *(
                    summarise(each, *("team_id", "team_alias", "organization_id", "models", "max_budget", "blocked"))
                    for each in found
                ),
            ]
        ):
            say(line)


@app.command(epilog=INFO_EPILOG)
def info(team_id: TeamId, as_json: AsJson = False, file: File = None) -> None:
    """Show a team, and what follows for it from all levels."""
    with _api(file) as api:
        found = api.get(team_id)
    for line in [json.dumps(found)] if as_json else describe(found):
        say(line)


@app.command(epilog=UPDATE_EPILOG)
def update(team_id: TeamId, fields: Assignments = None, file: File = None) -> None:
    """Change a team; its keys follow at once."""
    with _api(file) as api:
        tell(api.make("update", {"team_id": team_id, **read_assignments(fields)}), "team_id", "is changed")


@app.command(epilog=DELETE_EPILOG)
def delete(
    team_ids: Annotated[list[str], typer.Argument(help="Ids of teams.", metavar="TEAM_ID...")], file: File = None
) -> None:
    """Delete teams with their keys, for good."""
    with _api(file) as api:
        say(f"deleted: {', '.join(api.delete(team_ids))}")


@contextmanager
def _api(file: Path | None) -> Iterator[DirectoryApi]:
    with new_client() as client:
        yield DirectoryApi(AdminApi(locate(file, os.environ, client).outline, client, os.environ), "team")
