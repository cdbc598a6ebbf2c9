"""Writes tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUSD_IN_USD = 10**9


def write_csv(rows: Iterable[Sequence[object]]) -> str:
    """Lines of RFC 4180. A text that a spreadsheet would take for a formula gets a `'` before it: names come from users."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_write_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def write_usd(nusd: int | None) -> str:
    """Nano-USD as USD, exactly; "" for what isn't known."""
    if nusd is None:
        return ""
    sign, nusd = ("-", -nusd) if nusd < 0 else ("", nusd)
    return f"{sign}{nusd // NUSD_IN_USD}.{nusd % NUSD_IN_USD:09d}"


def _write_cell(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdigit()
