"""A report as a table: for CSV and for the terminal."""

from collections.abc import Iterator

import msgspec

from turnout.serve.control.reports.csv import write_usd
from turnout.serve.control.reports.report import Amounts, Report

COUNTS = tuple(name for name in Amounts.__struct_fields__ if not name.endswith("_nusd"))
COSTS = tuple(name for name in Amounts.__struct_fields__ if name.endswith("_nusd"))


def report_rows(report: Report) -> Iterator[list[object]]:
    """A head, a row for each group, then the total, and a row for what each local pool cost while it was idle. Costs are in USD, exactly."""
    groups = list(report.groups) or ["group"]
    yield [*groups, *COUNTS, *(f"{name.removesuffix('_nusd')}_usd" for name in COSTS)]
    for line in report.lines:
        yield [*line.group.values(), *_write(line.amounts)]
    yield ["(total)", *[""] * (len(groups) - 1), *_write(report.total)]
    for pool in report.idle:
        idle = write_usd(pool.idle_nusd)
        yield [f"(idle {pool.pool})", *[""] * (len(groups) - 1), *["" for _ in COUNTS], "", idle, idle]


def _write(amounts: Amounts) -> list[object]:
    values = msgspec.structs.asdict(amounts)
    return [*(values[name] for name in COUNTS), *(write_usd(values[name]) for name in COSTS)]
