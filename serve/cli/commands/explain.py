"""`turnout explain`: why each attempt of a request went where it did, and what came of it."""

from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from turnout.serve.cli.administering import AsJson, File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.explaining import write_decision, write_request
from turnout.serve.cli.screen import say
from turnout.serve.control.decisions.lines import read_fields

app = new_app()

EPILOG = """\b
Examples:
  turnout explain req-5f0c1b9ad2e64a11-0000000042      # the answer's x-request-id
  turnout explain my-own-id --json | jq '.decisions[].considered'

\b
Each router remembers its last 2,000 requests; beside these, Control keeps the sample that user_config.decisions asks for.
Neither has anything of a prompt or an answer."""


@app.command(epilog=EPILOG)
def explain(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="What the answer's head has as x-request-id.")],
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show why a request went where it did, and what came of it."""
    with open_admin(file) as admin:
        answer = admin.ask("GET", f"/admin/decisions/{quote(request_id, safe='')}")
    if as_json:
        say(msgspec.json.encode(answer).decode())
        return
    decisions = [read_fields(fields) for fields in answer["decisions"]]
    for line in (*write_request(decisions[0]), *(line for each in decisions for line in write_decision(each))):
        say(line)
