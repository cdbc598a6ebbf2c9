"""Sums the ledger by hour behind the requests' backs, so that a report reads thousands of rows and not millions."""

import asyncio
import contextlib
import logging

from turnout.models.errors import TurnoutError
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection

PAGE = 5000
"""Ledger rows folded in one go: 2 ms of the committer's thread, which new rows wait for at most."""

PERIOD_S = 1.0

HOUR_NS = 3_600_000_000_000
DIMENSIONS = ("hour", "tenant", "key_id", "model", "target", "tags")
SUMS = (
    "attempts", "requests", "succeeded", "cancelled", "hedges_lost",
    "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens",
    "estimated", "priced", "unpriced", "cost_nusd",
)  # fmt: skip

SUM_LEDGER = f"""
    SELECT at_ns / {HOUR_NS} AS hour, tenant, key_id, model, target, tags, min(seq) AS first_seq, max(seq) AS last_seq,
        count(*) AS attempts, count(*) FILTER (WHERE attempt = 1) AS requests,
        count(*) FILTER (WHERE failure = '') AS succeeded, count(*) FILTER (WHERE failure = 'client_left') AS cancelled,
        count(*) FILTER (WHERE failure = 'hedge_lost') AS hedges_lost,
        CAST(sum(input_tokens) AS BIGINT) AS input_tokens, CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
        CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens, CAST(sum(reasoning_tokens) AS BIGINT) AS reasoning_tokens,
        count(*) FILTER (WHERE usage_source = 'estimated') AS estimated, count(cost_nusd) AS priced,
        count(*) FILTER (WHERE cost_nusd IS NULL AND usage_source <> '') AS unpriced,
        CAST(coalesce(sum(cost_nusd), 0) AS BIGINT) AS cost_nusd
    FROM ledger WHERE {{where}} GROUP BY {", ".join(str(n + 1) for n in range(len(DIMENSIONS)))}
"""  # noqa: S608  our own names
"""Rows as `spend_hour` has them, of the ledger's rows `{where}`. The casts are for PostgreSQL, whose sums of whole numbers divide like fractions."""

_FOLD = (
    f"INSERT INTO spend_hour ({', '.join(DIMENSIONS)}, first_seq, last_seq, {', '.join(SUMS)}) "
    f"{SUM_LEDGER.format(where='seq > ? AND seq <= ?')} "
    f"ON CONFLICT ({', '.join(DIMENSIONS)}) DO UPDATE SET last_seq = excluded.last_seq, "
    + ", ".join(f"{name} = spend_hour.{name} + excluded.{name}" for name in SUMS)
)
_log = logging.getLogger("turnout.spend")


def fold(connection: Connection, limit: int = PAGE) -> int:
    """Add up to `limit` more rows of the ledger to the hours, in the caller's transaction; how many there were, less than `limit` at the end."""
    (folded,) = connection.execute("SELECT seq FROM spend_folded").fetchone()
    last, count = connection.execute(
        "SELECT max(seq), count(*) FROM (SELECT seq FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?) AS page",
        (folded, limit),
    ).fetchone()
    if count:
        connection.execute(_FOLD, (folded, last))
        connection.execute("UPDATE spend_folded SET seq = ?", (last,))
    return int(count)


class Folding:
    """Folds while Control works; what isn't folded yet, reports read from the ledger itself."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the work goes on that `start` began."""
        return self._task is not None and not self._task.done()

    def start(self, period_s: float = PERIOD_S) -> None:
        """Fold what there is every `period_s` seconds; `close` ends it."""
        self._task = asyncio.get_running_loop().create_task(self._fold_for_ever(period_s))

    async def close(self) -> None:
        """Stop; nothing is lost, the next start goes on where this one ended."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _fold_for_ever(self, period_s: float) -> None:
        while True:
            is_behind = await self._fold_page() == PAGE
            # Between pages, rows that come in go first.
            await asyncio.sleep(period_s / 50 if is_behind else period_s)

    async def _fold_page(self) -> int:
        try:
            return int(await self._committer.write(fold))
        except TurnoutError as error:
            _log.warning("the ledger's rows weren't summed, the next time will try again: %s", error)
            return 0
