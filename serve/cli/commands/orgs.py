"""`turnout orgs`: makes, shows and changes organisations, which pay for what their teams, users and keys use."""

from typing import Annotated

import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.assignments import FIELDS_HELP, Assignments, read_assignments
from turnout.serve.cli.command import new_app
from turnout.serve.cli.directory_api import open_directory, show, show_rows, tell
from turnout.serve.cli.screen import say

app = new_app(no_args_is_help=True)

OrgId = Annotated[str, typer.Argument(help="An organisation's id, as `turnout orgs list` has it.")]

NEW_EPILOG = f"""\b
Example:
  turnout orgs new organization_id=acme models=small,big max_budget=5000 budget_duration=1mo
{FIELDS_HELP}
And organization_id, organization_alias."""
LIST_EPILOG = """\b
Example:
  turnout orgs list"""
INFO_EPILOG = """\b
Example:
  turnout orgs info acme"""
UPDATE_EPILOG = f"""\b
Example:
  turnout orgs update acme max_budget=8000
{FIELDS_HELP}"""
DELETE_EPILOG = """\b
Example:
  turnout orgs delete acme
It is refused while teams or users belong to it."""
BLOCK_EPILOG = """\b
Example:
  turnout orgs block acme"""
UNBLOCK_EPILOG = """\b
Example:
  turnout orgs unblock acme"""


@app.callback()
def orgs() -> None:
    """Make, show and change organisations, which pay for what their teams, users and keys use."""


@app.command(epilog=NEW_EPILOG)
def new(fields: Assignments = None, file: File = None) -> None:
    """Make an organisation."""
    with open_directory(file, "organization") as api:
        tell(api.make("new", read_assignments(fields)), "organization_id", "is there")


@app.command("list", epilog=LIST_EPILOG)
def show_all(as_json: AsJson = False, file: File = None) -> None:
    """List the organisations, the oldest first."""
    with open_directory(file, "organization") as api:
        found = api.list_all({})
    show_rows(
        found,
        {
            "organization": "organization_id",
            "alias": "organization_alias",
            "models": "models",
            "budget": "max_budget",
            "blocked": "blocked",
        },
        as_json=as_json,
    )


@app.command(epilog=INFO_EPILOG)
def info(organization_id: OrgId, as_json: AsJson = False, file: File = None) -> None:
    """Show an organisation, and what follows for it from all levels."""
    with open_directory(file, "organization") as api:
        found = api.get(organization_id)
    show(found, as_json=as_json)


@app.command(epilog=UPDATE_EPILOG)
def update(organization_id: OrgId, fields: Assignments = None, file: File = None) -> None:
    """Change an organisation; its keys follow at once."""
    with open_directory(file, "organization") as api:
        tell(
            api.make("update", {"organization_id": organization_id, **read_assignments(fields)}),
            "organization_id",
            "is changed",
        )


@app.command(epilog=DELETE_EPILOG)
def delete(
    organization_ids: Annotated[list[str], typer.Argument(help="Ids of organisations.", metavar="ORGANIZATION_ID...")],
    file: File = None,
) -> None:
    """Delete organisations with their keys, for good."""
    with open_directory(file, "organization") as api:
        say(f"deleted: {', '.join(api.delete(organization_ids))}")


@app.command(epilog=BLOCK_EPILOG)
def block(organization_id: OrgId, file: File = None) -> None:
    """Refuse all keys of an organisation until it's unblocked."""
    with open_directory(file, "organization") as api:
        tell(api.make("block", {"organization_id": organization_id}), "organization_id", "is blocked")


@app.command(epilog=UNBLOCK_EPILOG)
def unblock(organization_id: OrgId, file: File = None) -> None:
    """Let an organisation in again."""
    with open_directory(file, "organization") as api:
        tell(api.make("unblock", {"organization_id": organization_id}), "organization_id", "is unblocked")
