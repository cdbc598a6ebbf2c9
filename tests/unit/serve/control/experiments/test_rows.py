"""Trials and feedback in both kinds of store."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from tests.fakes import ledger_row
from tests.stores import Place
from turnout.models.ledger import Journal
from turnout.models.trial import Feedback, Trial
from turnout.serve.control.experiments.rows import list_feedback, list_rated, list_trials, prune, put_feedback
from turnout.serve.control.sql_store import SqlStore

TRIAL = Trial("req-1", "newer", "b", 7, "acme", "k", "00ff", 0.1, True, None, 900, 12, None, None)


@pytest.fixture
async def store(place: Place) -> AsyncIterator[SqlStore]:
    opened = await place.open()
    yield opened
    await opened.close()


async def trials(store: SqlStore, experiment: str = "newer", after: int = 0) -> list[Trial]:
    rows = await store.committer.read(lambda connection: list_trials(connection, experiment, after))
    return [row.trial for row in rows]


async def test_a_trial_comes_back_as_it_was_and_twice_sent_is_there_once(store: SqlStore) -> None:
    other = structs.replace(TRIAL, request_id="req-2", first_us=5, cost_nusd=2**40, is_same=False, is_failed=False)
    await store.append(Journal((), (), trials=(TRIAL, other)))
    await store.append(Journal((), (), trials=(TRIAL, structs.replace(TRIAL, experiment="older"))))
    assert await trials(store) == [TRIAL, other]
    assert await trials(store, "older") == [structs.replace(TRIAL, experiment="older")]


async def rate(store: SqlStore, feedback: Feedback) -> bool:
    kept: bool = await store.committer.write(lambda connection: put_feedback(connection, feedback))
    return kept


async def test_only_who_asked_may_rate_an_answer(store: SqlStore) -> None:
    await store.append(Journal((ledger_row("req-1", 3),), (), trials=(TRIAL,)))
    assert not await rate(store, Feedback("req-1", "somebody-else", 8, 0.0))
    assert not await rate(store, Feedback("req-2", "k", 8, 0.0))
    assert await store.committer.read(lambda connection: list_feedback(connection, 0, 9)) == []
    assert await rate(store, Feedback("req-1", "k", 8, 0.25, "slow"))


async def test_the_first_score_of_a_request_stays_whatever_comes_after_it(store: SqlStore) -> None:
    await store.append(Journal((ledger_row("req-1", 3),), (), trials=(TRIAL,)))
    for score in (0.25, 1.0):
        assert await rate(store, Feedback("req-1", "k", 8, score, "slow"))
    rows = await store.committer.read(lambda connection: list_feedback(connection, 0, 9))
    assert [row.feedback for row in rows] == [Feedback("req-1", "k", 8, 0.25, "slow")]
    (rated,) = await store.committer.read(lambda connection: list_rated(connection, "newer", 0))
    assert (rated.variant, rated.subject, rated.at_ns, rated.score) == ("b", "00ff", 7, 0.25)


async def test_old_rows_are_pruned_and_younger_ones_stay(store: SqlStore) -> None:
    young = structs.replace(TRIAL, request_id="req-2", at_ns=100)
    await store.append(Journal((ledger_row("req-1", 3),), (), trials=(TRIAL, young)))
    await rate(store, Feedback("req-1", "k", 8, 0.25))
    assert await store.committer.write(lambda connection: prune(connection, 50)) == 2
    assert await trials(store) == [young]
