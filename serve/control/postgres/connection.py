"""Lets Control's SQL run on a connection of SQLAlchemy."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from turnout.models.errors import BadRequest
from turnout.serve.control.database import Parameters

_PARAMETER = re.compile(r"\?(\d*)|:([a-z_]+)")
_DATA_EXCEPTION = "22"
"""The class of SQLSTATE for values that can't be kept. Source: PostgreSQL's manual, appendix A."""


class PostgresConnection:
    """A `Connection` on PostgreSQL, to be used where `AsyncConnection.run_sync` calls."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters = (), /) -> "Found":
        """See `Connection`. Raises BadRequest for a value that PostgreSQL can't keep."""
        text, names = number_parameters(sql)
        return self._run(text, _place(parameters, names))

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> "Found":
        """See `Connection`; raises as `execute` does."""
        text, names = number_parameters(sql)
        rows = [_place(each, names) for each in parameters]
        return self._run(text, rows) if rows else Found([], 0)

    def _run(self, text: str, values: Any) -> "Found":
        try:
            result = self._connection.exec_driver_sql(text, values)
        except DBAPIError as error:
            if find_sqlstate(error).startswith(_DATA_EXCEPTION):
                raise BadRequest("a number has more than 63 bits, or a text a character that can't be kept") from error
            raise
        return Found([tuple(row) for row in result] if result.returns_rows else [], result.rowcount)


class Found:
    """`Rows` that have all come."""

    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def fetchone(self) -> tuple[Any, ...] | None:
        """See `Rows`."""
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """See `Rows`."""
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows


@lru_cache(maxsize=500)
def number_parameters(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1` for `?`, `?1` or the first of the names, and the names in their order."""
    names: list[str] = []
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        given, name = match.groups()
        if name:
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"
        count += 1
        return f"${given or count}"

    return _PARAMETER.sub(number, sql), tuple(names)


def find_sqlstate(error: BaseException) -> str:
    """PostgreSQL's five characters for what went wrong, or "" where the server said nothing."""
    found = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return found if isinstance(found, str) else ""


def _place(parameters: Parameters, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(parameters[name] for name in names) if isinstance(parameters, Mapping) else tuple(parameters)
