"""`turnout teams`: makes, shows and changes teams, which bound what their users and keys may."""

from typing import Annotated

import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.assignments import FIELDS_HELP, Assignments, read_assignments
from turnout.serve.cli.command import new_app
from turnout.serve.cli.directory_api import open_directory, show, show_rows, tell
from turnout.serve.cli.screen import say

app = new_app(no_args_is_help=True)

TeamId = Annotated[str, typer.Argument(help="A team's id, as `turnout teams list` has it.")]

NEW_EPILOG = f"""\b
Example:
  turnout teams new team_id=search organization_id=acme models=small,big max_budget=500 budget_duration=1mo
{FIELDS_HELP}
And team_id, team_alias, organization_id."""
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
BLOCK_EPILOG = """\b
Example:
  turnout teams block search"""
UNBLOCK_EPILOG = """\b
Example:
  turnout teams unblock search"""


@app.callback()
def teams() -> None:
    """Make, show and change teams, which bound what their users and keys may."""


@app.command(epilog=NEW_EPILOG)
def new(fields: Assignments = None, file: File = None) -> None:
    """Make a team."""
    with open_directory(file, "team") as api:
        tell(api.make("new", read_assignments(fields)), "team_id", "is there")


@app.command("list", epilog=LIST_EPILOG)
def show_all(as_json: AsJson = False, file: File = None) -> None:
    """List the teams, the oldest first."""
    with open_directory(file, "team") as api:
        found = api.list_all({})
    show_rows(
        found,
        {
            "team": "team_id",
            "alias": "team_alias",
            "organization": "organization_id",
            "models": "models",
            "budget": "max_budget",
            "blocked": "blocked",
        },
        as_json=as_json,
    )


@app.command(epilog=INFO_EPILOG)
def info(team_id: TeamId, as_json: AsJson = False, file: File = None) -> None:
    """Show a team, and what follows for it from all levels."""
    with open_directory(file, "team") as api:
        found = api.get(team_id)
    show(found, as_json=as_json)


@app.command(epilog=UPDATE_EPILOG)
def update(team_id: TeamId, fields: Assignments = None, file: File = None) -> None:
    """Change a team; its keys follow at once."""
    with open_directory(file, "team") as api:
        tell(api.make("update", {"team_id": team_id, **read_assignments(fields)}), "team_id", "is changed")


@app.command(epilog=DELETE_EPILOG)
def delete(
    team_ids: Annotated[list[str], typer.Argument(help="Ids of teams.", metavar="TEAM_ID...")], file: File = None
) -> None:
    """Delete teams with their keys, for good."""
    with open_directory(file, "team") as api:
        say(f"deleted: {', '.join(api.delete(team_ids))}")


@app.command(epilog=BLOCK_EPILOG)
def block(team_id: TeamId, file: File = None) -> None:
    """Refuse all keys of a team until it's unblocked."""
    with open_directory(file, "team") as api:
        tell(api.make("block", {"team_id": team_id}), "team_id", "is blocked")


@app.command(epilog=UNBLOCK_EPILOG)
def unblock(team_id: TeamId, file: File = None) -> None:
    """Let a team in again."""
    with open_directory(file, "team") as api:
        tell(api.make("unblock", {"team_id": team_id}), "team_id", "is unblocked")
