"""`turnout budget`: what is spent and held of each budget, and a window begun anew."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import BudgetView
from turnout.serve.cli.administering import File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.screen import align, say

app = new_app(no_args_is_help=True)

BudgetId = Annotated[str, typer.Argument(help="A budget's id, as `turnout budget list` has it.")]

LIST_EPILOG = """\b
Example:
  turnout budget list"""
SHOW_EPILOG = """\b
Example:
  turnout budget show team:search:monthly"""
RESET_EPILOG = """\b
Example:
  turnout budget reset team:search:monthly
The ledger keeps its rows, and the audit log says who did it."""


@app.callback()
def budget() -> None:
    """See what budgets have left, and begin their windows anew."""


@app.command("list", epilog=LIST_EPILOG)
def show_all(file: File = None) -> None:
    """List the budgets: spent, of how much, how much of the rest is held for requests, and the forecast for the window's end."""
    with open_admin(file) as admin:
        budgets = admin.list_budgets()
    if not budgets:
        say("there are no budgets: give one to a key, team, user or organisation (`turnout keys --help`)")
    for line in align([_describe(each) for each in budgets]):
        say(line)


@app.command(epilog=SHOW_EPILOG)
def show(budget_id: BudgetId, file: File = None) -> None:
    """Show one budget in full."""
    with open_admin(file) as admin:
        found = admin.get_budget(budget_id)
    for line in align(_detail(found)):
        say(line)


@app.command(epilog=RESET_EPILOG)
def reset(budget_id: BudgetId, file: File = None) -> None:
    """Begin a budget's window anew, as if nothing had been spent in it."""
    with open_admin(file) as admin:
        found = admin.reset_budget(budget_id)
    say(f"{found.budget_id} has {_usd(found.left)} left of {_usd(found.max_budget)}")


def _describe(found: BudgetView) -> tuple[str, ...]:
    forecast = "" if found.forecast is None else f"forecast {_usd(found.forecast)}"
    kind = "" if found.is_hard else "soft"
    return (
        found.budget_id,
        f"{_usd(found.spend)} of {_usd(found.max_budget)}",
        found.window,
        f"{_usd(found.held)} held",
        forecast,
        kind,
    )


def _detail(found: BudgetView) -> Iterator[tuple[str, str]]:
    yield "amount", _usd(found.max_budget)
    yield "spent", _usd(found.spend)
    yield "held for requests", _usd(found.held)
    yield "left", _usd(found.left)
    yield "window", found.window
    yield "began", _moment(found.window_began_at_s)
    yield "ends", "never" if found.window_ends_at_s is None else _moment(found.window_ends_at_s)
    yield "forecast", "nothing to say yet" if found.forecast is None else _usd(found.forecast)
    yield "model", found.model or "all"
    yield "when it's spent", "requests are refused" if found.is_hard else "it's told of"
    yield "alerts at", ", ".join(f"{share:.0%}" for share in found.alert_shares) or "none"
    if found.downgrade_at is not None and found.downgrade_to:
        yield "downgrade", f"to {found.downgrade_to} from {found.downgrade_at:.0%} on"


def _usd(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.6f}"


def _moment(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_s else "with the first request"
