"""The seam between Control's SQL and the database that runs it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from turnout.models.ledger import LedgerEntry

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any]


class WriterReplaced(Exception):
    """
    What this Control has in memory may not be what the database has, and can't become so again: Serve has to start another.

    Another Control wrote meanwhile, or the answer to a commit was lost.
    """


class Rows(Protocol):
    """What a statement found or changed."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All further rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """
    Runs SQL that SQLite and PostgreSQL both know, within the transaction that it was lent for; `sqlite3.Connection` is one.

    Parameters are `?`, `?1` or `:name`. What the two don't share isn't used: scalar `min` and `max`, sums of conditions, an `ON CONFLICT` or a column
    in its `SET` that doesn't say which, a subquery without a name.
    """

    def execute(self, sql: str, parameters: Parameters = (), /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Rows:
        """Run one statement for each of many parameters; PostgreSQL doesn't say how many rows that changed."""
        ...


class Session(Protocol):
    """
    The connection that writes. Used on one thread at a time.

    Attributes:
        refusals: what `transact` and statements raise when the database refuses; nothing of the transaction was kept then.
    """

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """See the class."""
        ...

    def transact(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        """
        What `work` returns, after its commit is on disk.

        Raises:
            WriterReplaced: this session never writes again.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Database(Protocol):
    """What one kind of database does in its own way."""

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What statements of `read` raise when the database refuses."""
        ...

    def insert_entries(self, connection: Connection, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
        """Add the rows that aren't there yet, in order; which those were. Raises BadRequest for a value that can't be kept."""
        ...

    def read(self, work: Callable[[Connection], T], deadline_s: float) -> T:
        """What `work`, which changes nothing, returns, on its own connection and one state of the database; a slower statement fails."""
        ...

    def scan(self, work: Callable[[Connection], T]) -> T:
        """The same without a deadline, and each statement by itself, so that reading for long stands in nobody's way."""
        ...
