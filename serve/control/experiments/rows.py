"""The tables of trials and feedback: added to, read in order, pruned by age."""

from collections.abc import Sequence

import msgspec

from turnout.models.trial import Feedback, Trial
from turnout.serve.control.database import Connection

PAGE = 5000
"""Rows read or pruned in one go: some milliseconds of the committer's thread."""

_FIELDS = Trial.__struct_fields__
_INSERT_TRIAL = (
    f"INSERT INTO trial ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) "  # noqa: S608  our own names
    "ON CONFLICT (request_id, experiment, variant) DO NOTHING"
)
_SELECT_TRIALS = f"SELECT seq, {', '.join(_FIELDS)} FROM trial WHERE experiment = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_PUT_FEEDBACK = (
    "INSERT INTO feedback (request_id, key_id, at_ns, score, comment) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (request_id) DO NOTHING"
)
_SELECT_RATED = (
    "SELECT feedback.seq, trial.variant, trial.subject, trial.at_ns, feedback.score "
    "FROM feedback JOIN trial ON trial.request_id = feedback.request_id "
    "WHERE trial.experiment = ? AND feedback.seq > ? ORDER BY feedback.seq LIMIT ?"
)
_SELECT_FEEDBACK = (
    "SELECT seq, request_id, key_id, at_ns, score, comment FROM feedback WHERE seq > ? ORDER BY seq LIMIT ?"
)


class TrialRow(msgspec.Struct, frozen=True):
    """A trial as it's kept; `seq` grows, with gaps."""

    seq: int
    trial: Trial


class Rated(msgspec.Struct, frozen=True):
    """
    Feedback for a trial.

    Attributes:
        seq: the feedback's.
        variant, subject, at_ns: the trial's.
        score: 0 to 1.
    """

    seq: int
    variant: str
    subject: str
    at_ns: int
    score: float


class FeedbackRow(msgspec.Struct, frozen=True):
    """Feedback as it's kept; `seq` grows, with gaps."""

    seq: int
    feedback: Feedback


def add_trials(connection: Connection, trials: Sequence[Trial]) -> None:
    """Add those that aren't there yet, in the caller's transaction."""
    connection.executemany(_INSERT_TRIAL, [_bind(each) for each in trials])


def list_trials(connection: Connection, experiment: str, after: int, limit: int = PAGE) -> list[TrialRow]:
    """Up to `limit` of one experiment with a `seq` above `after`, in order."""
    rows = connection.execute(_SELECT_TRIALS, (experiment, after, limit)).fetchall()
    return [TrialRow(seq, msgspec.convert(fields, Trial, strict=False)) for seq, *fields in rows]


def list_rated(connection: Connection, experiment: str, after: int, limit: int = PAGE) -> list[Rated]:
    """Up to `limit` scores for one experiment's trials with a `seq` above `after`, in order."""
    return [Rated(*row) for row in connection.execute(_SELECT_RATED, (experiment, after, limit)).fetchall()]


def list_feedback(connection: Connection, after: int, limit: int) -> list[FeedbackRow]:
    """Up to `limit` with a `seq` above `after`, in order."""
    rows = connection.execute(_SELECT_FEEDBACK, (after, limit)).fetchall()
    return [FeedbackRow(seq, Feedback(*fields)) for seq, *fields in rows]


def put_feedback(connection: Connection, feedback: Feedback) -> bool:
    """Keep the first that's said of a request, if its key is who asked; whether that's so."""
    asked = connection.execute(
        "SELECT 1 FROM ledger WHERE request_id = ? AND key_id = ? LIMIT 1", (feedback.request_id, feedback.key_id)
    ).fetchone()
    if asked is None:
        return False
    connection.execute(_PUT_FEEDBACK, msgspec.structs.astuple(feedback))
    return True


def prune(connection: Connection, before_ns: int, limit: int = PAGE) -> int:
    """Delete up to `limit` of each kind that are older; how many there were."""
    return sum(
        connection.execute(
            f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE at_ns < ? ORDER BY at_ns LIMIT ?)",  # noqa: S608  our own names
            (before_ns, limit),
        ).rowcount
        for table in ("trial", "feedback")
    )


def _bind(trial: Trial) -> tuple[str | int | float | None, ...]:
    """PostgreSQL takes no truth for a whole number."""
    return tuple(int(value) if isinstance(value, bool) else value for value in msgspec.structs.astuple(trial))
