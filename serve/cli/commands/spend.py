"""`turnout spend`: what was spent, by whom and on what, and what the month will have cost."""

import sys
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import typer

from turnout.serve.cli.administering import AsJson, File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.screen import align, say
from turnout.serve.control.reports.ask import Filters
from turnout.serve.control.reports.csv import write_csv, write_usd
from turnout.serve.control.reports.forecast import Forecast
from turnout.serve.control.reports.report import Amounts, Report
from turnout.serve.control.reports.table import report_rows

app = new_app(no_args_is_help=True)

Begin = Annotated[str, typer.Option("--from", help="A day or an hour, UTC, such as 2026-11-01.")]
End = Annotated[str, typer.Option("--to", help="The same; not included.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, with costs in USD to the last digit.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", "-w", metavar="NAME=VALUE", help="Only these: org, team, user, key, model or target; again for more."
    ),
]

REPORT_EPILOG = """\b
Examples:
  turnout spend report                                   # this month, in all, and how it will end
  turnout spend report --by team,model --from 2026-10-01 --to 2026-11-01
  turnout spend report --by tag --csv > tags.csv
Where the price isn't known, attempts are counted as unpriced and cost nothing here. Idle time of local GPUs stands apart."""
LOGS_EPILOG = """\b
Examples:
  turnout spend logs --where team=search --from 2026-11-20
  turnout spend logs -w key=k-1 -w model=chat --after 120000 --limit 1000 --csv"""


@app.callback()
def spend() -> None:
    """See what was spent, by whom and on what."""


@app.command(epilog=REPORT_EPILOG)
def report(
    *,
    file: File = None,
    by: Annotated[
        str, typer.Option("--by", help="Any of org, team, user, key, tag, model, target, provider, day, with commas.")
    ] = "",
    begin: Begin = "",
    end: End = "",
    where: Where = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Sum what was spent, this month unless said."""
    asked = {"group_by": by, "from": begin, "to": end, **_read_filters(where)}
    with open_admin(file) as admin:
        answer = admin.ask("GET", _path("/spend/report", asked | {"forecast": "" if begin or end else "true"}))
    found = msgspec.convert(answer, Report)
    if as_json:
        say(msgspec.json.encode(answer).decode())
    elif as_csv:
        sys.stdout.write(write_csv(report_rows(found)))
    else:
        _show(found, msgspec.convert(answer["forecast"], Forecast) if "forecast" in answer else None)


@app.command(epilog=LOGS_EPILOG)
def logs(
    *,
    file: File = None,
    begin: Begin = "",
    end: End = "",
    where: Where = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Rows with a greater number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List attempts and what each cost."""
    asked = {"from": begin, "to": end, **_read_filters(where), "after": str(after), "limit": str(limit)}
    with open_admin(file) as admin:
        answer = admin.ask("GET", _path("/spend/logs", asked))
    rows: list[dict[str, Any]] = answer["rows"]
    if as_json:
        say(msgspec.json.encode(answer).decode())
    elif as_csv:
        names = list(rows[0]) if rows else []
        sys.stdout.write(write_csv([names, *([row[name] for name in names] for row in rows)]))
    else:
        _show_logs(rows, answer["next_after"])


def _show(found: Report, forecast: Forecast | None) -> None:
    say(f"{found.begins_at} to {found.ends_at}")
    head = (*(found.groups or ("",)), "cost USD", "requests", "failed", "input", "output", "unpriced")
    rows = [(*line.group.values(), *_cells(line.amounts)) for line in found.lines]
    total = ("total", *[""] * (len(head) - 7), *_cells(found.total))
    for line in align([head, *rows, total]):
        say(line)
    for pool in found.idle:
        say(
            f"idle: {pool.pool} {_usd(pool.idle_nusd)} of {_usd(pool.gpu_nusd)} USD, {pool.busy_hours:g} of {pool.replica_hours:g} replica hours busy"
        )
    if forecast is not None:
        say(_write_forecast(forecast))


def _write_forecast(forecast: Forecast) -> str:
    if forecast.expected_nusd is None:
        return f"forecast for {forecast.month}: none before three whole days have passed ({forecast.days} so far)"
    return (
        f"forecast for {forecast.month}: {_usd(forecast.expected_nusd)} USD, four times of five between {_usd(forecast.low_nusd)} and "
        f"{_usd(forecast.high_nusd)} ({forecast.method.replace('_', ' ')} of {forecast.days} days)"
    )


def _cells(amounts: Amounts) -> tuple[str, ...]:
    failed = amounts.attempts - amounts.succeeded - amounts.cancelled - amounts.hedges_lost
    numbers = (amounts.requests, failed, amounts.input_tokens, amounts.output_tokens, amounts.unpriced)
    return _usd(amounts.cost_nusd), *(str(number) for number in numbers)


def _show_logs(rows: list[dict[str, Any]], next_after: int | None) -> None:
    head = ("seq", "request", "key", "team", "model", "target", "ended", "in", "out", "cost USD")
    shown = [
        (
            str(row["seq"]), f"{row['request_id']}/{row['attempt']}", row["key_id"], row["team"], row["model"], row["target"],
            row["failure"] or "ok", str(row["input_tokens"]), str(row["output_tokens"]), write_usd(row["cost_nusd"]) or "unknown",
        )
        for row in rows
    ]  # fmt: skip
    for line in align([head, *shown]):
        say(line)
    if next_after is not None:
        say(f"more: --after {next_after}")


def _usd(nusd: int | None) -> str:
    """To a hundredth of a cent; the exact sum is in CSV and JSON."""
    return "unknown" if nusd is None else f"{nusd / 1e9:,.4f}"


def _read_filters(where: list[str] | None) -> dict[str, str]:
    filters: dict[str, str] = {}
    for text in where or ():
        name, mark, value = text.partition("=")
        if not mark or not value or name not in Filters.__struct_fields__:
            known = ", ".join(Filters.__struct_fields__)
            raise typer.BadParameter(f"{text!r} isn't NAME=VALUE with a name of {known}", param_hint="--where")
        filters[name] = value
    return filters


def _path(route: str, asked: dict[str, str]) -> str:
    return f"{route}?{urlencode({name: text for name, text in asked.items() if text})}"
