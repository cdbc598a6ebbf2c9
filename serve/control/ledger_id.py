"""What tells one ledger from another: an id that is made with it, and that routers name the rows by that they keep for it."""

from collections.abc import Callable

import msgspec

from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.report import RouterReport, WatchAnswer


class LedgerId:
    """
    A NewsSource with one piece of news, for a router that has just begun.

    Attributes:
        name: the id; it's this cluster's name among others too.
    """

    def __init__(self, id_: str) -> None:
        """`open` reads it."""
        self.name = id_

    def __repr__(self) -> str:
        return f"LedgerId({self.name!r})"

    @classmethod
    async def open(cls, committer: Committer, new_id: Callable[[], str]) -> "LedgerId":
        """The id in the store, which gets one if it has none."""

        def work(connection: Connection) -> bytes:
            given = new_id().encode()
            connection.execute(
                "INSERT INTO document (name, body) VALUES ('ledger', ?) ON CONFLICT (name) DO NOTHING", (given,)
            )
            return bytes(connection.execute("SELECT body FROM document WHERE name = 'ledger'").fetchone()[0])

        return cls((await committer.write(work)).decode())

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """See `NewsSource`."""
        if report.have_ledger == self.name:
            return answer
        return msgspec.structs.replace(answer, ledger=self.name)
