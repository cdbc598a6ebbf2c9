"""What holds at every commit, against a plain count in Python: random claims, rows, crashes, repeats and turns of the window."""

import random
import sqlite3
from collections import defaultdict

import pytest

from tests.fakes import ledger_row
from turnout.models.access import Budget
from turnout.models.ledger import LedgerEntry
from turnout.router.money.lease import Claim, Grant
from turnout.serve.control.money import books
from turnout.serve.control.money.windows import find_span
from turnout.serve.control.schema.money import MONEY

DAY = 86_400
TERMS = Budget("b", 1_000, "daily")


def row(number: int, cost_nusd: int | None, *budgets: str) -> LedgerEntry:
    return ledger_row(f"r{number}", cost_nusd, *budgets)


@pytest.fixture
def connection() -> sqlite3.Connection:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.executescript(MONEY)
    return opened


def renew(
    connection: sqlite3.Connection, router: str, claim: Claim, now_s: float = 0.0, terms: Budget | None = TERMS
) -> Grant:
    return books.renew(connection, router, claim, terms, now_s, 2)[0]


def book(connection: sqlite3.Connection, router: str, *rows: LedgerEntry, now_s: float = 0.0) -> None:
    books.book(connection, router, rows, {"b": TERMS}.get, now_s)


def test_a_claim_sent_twice_grants_once(connection: sqlite3.Connection) -> None:
    first = renew(connection, "a", Claim("b", 0, 100, 100, 0))
    again = renew(connection, "a", Claim("b", first.lease, 100, 100, 0))
    assert (first.granted, again.granted) == (100, 100)
    assert books.read_held(connection, "b") == 100


def test_a_first_answer_that_was_lost_is_taken_over_with_its_totals(connection: sqlite3.Connection) -> None:
    lost = renew(connection, "a", Claim("b", 0, 100, 100, 0))
    again = renew(connection, "a", Claim("b", 0, 100, 100, 0))
    assert (again.lease, again.granted) == (lost.lease, 100)
    assert books.read_held(connection, "b") == 100


def test_what_one_holds_the_other_cannot_get_and_it_is_told_apart_from_what_is_spent(
    connection: sqlite3.Connection,
) -> None:
    renew(connection, "a", Claim("b", 0, 900, 900, 0))
    grant, is_short = books.renew(connection, "c", Claim("b", 0, 200, 200, 0), TERMS, 0.0, 2)
    assert (grant.granted, grant.spent, is_short) == (0, 0, True)


def test_rows_turn_what_is_held_into_what_is_spent(connection: sqlite3.Connection) -> None:
    lease = renew(connection, "a", Claim("b", 0, 300, 300, 0)).lease
    book(connection, "a", row(1, 120, "b"), row(2, None, "b"), row(3, 50))
    grant = renew(connection, "a", Claim("b", lease, 300, 300, 0))
    assert (grant.settled, grant.spent) == (120, 120)
    assert books.read_held(connection, "b") == 180


def test_an_attempt_that_cost_more_than_was_held_is_spent_and_nobodys_credit(connection: sqlite3.Connection) -> None:
    lease = renew(connection, "a", Claim("b", 0, 100, 100, 0)).lease
    book(connection, "a", row(1, 400, "b"))
    assert books.read_held(connection, "b") == 0
    assert renew(connection, "c", Claim("b", 0, 600, 600, 0)).granted == 600
    assert renew(connection, "a", Claim("b", lease, 401, 401, 0)).granted == 100


def test_the_window_turns_with_what_is_held(connection: sqlite3.Connection) -> None:
    renew(connection, "a", Claim("b", 0, 300, 300, 0))
    book(connection, "a", row(1, 300, "b"))
    renew(connection, "c", Claim("b", 0, 200, 200, 0))
    assert renew(connection, "d", Claim("b", 0, 801, 801, 0), DAY).granted == 0
    assert renew(connection, "d", Claim("b", 1, 0, 0, 0), DAY).spent == 0
    assert renew(connection, "e", Claim("b", 0, 800, 800, 0), DAY).granted == 800


def test_a_soft_budget_grants_nothing_and_a_deleted_one_has_no_terms(connection: sqlite3.Connection) -> None:
    soft = Budget("b", 10, "daily", is_hard=False)
    book(connection, "a", row(1, 120, "b"))
    assert renew(connection, "a", Claim("b", 0, 100, 100, 0), terms=soft) == Grant("b", soft, spent=120)
    assert renew(connection, "a", Claim("b", 0, 100, 100, 0), terms=None) == Grant("b", None)


def test_little_is_given_ahead_of_need_when_little_is_left(connection: sqlite3.Connection) -> None:
    lease = renew(connection, "a", Claim("b", 0, 900, 900, 0)).lease
    assert renew(connection, "a", Claim("b", lease, 0, 5_000, 0)).granted == 925


class Oracle:
    """The same by plain sums: one entry a lease, one sum a day."""

    def __init__(self) -> None:
        self.spent: dict[int, int] = defaultdict(int)
        self.held: dict[str, int] = {}

    def total(self, day: int) -> int:
        return self.spent[day] + sum(max(0, held) for held in self.held.values())


@pytest.mark.parametrize("seed", range(30))
def test_spent_and_held_never_pass_the_amount_whatever_is_lost_repeated_or_crashes(seed: int) -> None:
    rng = random.Random(seed)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(MONEY)
    known: dict[str, Grant] = {}
    returned: dict[str, int] = {}
    settled: dict[str, int] = {}
    oracle, now_s, number = Oracle(), 0.0, 0
    for _ in range(400):
        router, step = rng.choice("abc"), rng.random()
        mine = known.get(router, Grant("b", None))
        free = mine.granted - returned.get(router, 0) - settled.get(router, 0)
        if step < 0.5:
            returned[router] = returned.get(router, 0) + (rng.randint(0, max(0, free)) if rng.random() < 0.3 else 0)
            base = returned[router] + settled.get(router, 0)
            needs = base + rng.randint(0, 400)
            claim = Claim("b", mine.lease, needs, needs + rng.randint(0, 300), returned[router])
            grant = renew(connection, router, claim, now_s)
            oracle.held[router] = grant.granted - grant.returned - grant.settled
            if rng.random() < 0.8:  # else the answer is lost
                if grant.lease != mine.lease:
                    returned[router], settled[router] = grant.returned, grant.settled
                known[router] = grant
        elif step < 0.9 and free > 0:
            cost = rng.randint(0, free)
            number += 1
            book(connection, router, row(number, cost, "b"), now_s=now_s)
            settled[router] = settled.get(router, 0) + cost
            oracle.spent[int(now_s // DAY)] += cost
            oracle.held[router] = oracle.held.get(router, 0) - cost
        elif step < 0.95:
            books.release(connection, [router])
            for each in (known, returned, settled, oracle.held):
                each.pop(router, None)
        else:
            now_s += rng.choice((3_600, DAY))
        day = int(now_s // DAY)
        assert books.read_spent(connection, "b", find_span("daily", now_s)) == oracle.spent[day]
        assert oracle.spent[day] + books.read_held(connection, "b") == oracle.total(day) <= TERMS.amount_nusd
