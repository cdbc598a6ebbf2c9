"""`turnout cache`: makes routers forget answers that they keep."""

from typing import Annotated

import typer

from turnout.serve.cli.administering import File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import say

app = new_app(no_args_is_help=True)

PURGE_EPILOG = """\b
Examples:
  turnout cache purge --model llama
  turnout cache purge --tag doc-17 --tag doc-18 --dry-run
  turnout cache purge --all
It's done when no router gives such an answer any more; the audit log says who did it."""


@app.callback()
def cache() -> None:
    """Make routers forget answers that they keep."""


@app.command(epilog=PURGE_EPILOG)
def purge(
    *,
    model: Annotated[list[str] | None, typer.Option(help="A model's public name; repeat for more.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag that callers give with `cache`.")] = None,
    namespace: Annotated[list[str] | None, typer.Option(help="A namespace of callers'.")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Who pays.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="An answer's own key, from x-turnout-cache-key.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be purged, and purge nothing.")] = False,
    file: File = None,
) -> None:
    """Forget the answers that any of these fits."""
    named: dict[str, list[str]] = {
        "models": model or [],
        "tags": tag or [],
        "namespaces": namespace or [],
        "tenants": tenant or [],
        "keys": key or [],
    }
    if not (everything or any(named.values())):
        raise Refusal(
            "nothing to purge is named", "name a model, tag, namespace, tenant or key, or --all", ExitCode.BAD_INPUT
        )
    with open_admin(file) as admin:
        told = admin.ask("POST", "/admin/cache/purge", {**named, "everything": everything, "dry_run": dry_run})
    if dry_run:
        say(f"would purge {', '.join(told['would_purge'])} at {len(told['routers'])} routers")
        return
    say(f"purged {', '.join(told['purged'])}; {len(told['acknowledged'])} routers have forgotten it")
    if told["late"]:
        raise Refusal(
            f"these routers haven't said so: {', '.join(told['late'])}", "look at their logs", ExitCode.FAILED
        )
