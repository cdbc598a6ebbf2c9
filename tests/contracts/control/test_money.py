"""Money over the real link, store and listener, while Control is killed, and while everybody wants the same dollar."""

import random

from turnout.benchmarks.scenarios.ledger.cap import measure_cap
from turnout.benchmarks.scenarios.ledger.kills import measure_kills
from turnout.benchmarks.scenarios.ledger.setup import Amount, LedgerSetup
from turnout.benchmarks.scenarios.ledger.simulation import measure_simulation

LITTLE = Amount(cap_rounds=1, kills=3, simulated=3_000, speed_rounds=1, speed_s=0.2, cost_rounds=1, cost_s=0.1)


def test_a_dollar_wanted_a_thousand_times_at_once_is_spent_once() -> None:
    overspent, used = measure_cap(LedgerSetup(LITTLE, random.Random(2))).values
    assert overspent.value == 0
    assert used.value is not None
    assert used.value >= 0.97


def test_no_row_is_lost_or_counted_twice_when_control_is_killed() -> None:
    (lost,) = measure_kills(LedgerSetup(LITTLE, random.Random(3))).values
    assert lost.value == 0


def test_no_row_is_lost_or_overspent_when_routers_crash_callers_leave_and_answers_get_lost() -> None:
    lost, overspent, held = measure_simulation(LedgerSetup(LITTLE, random.Random(4))).values
    assert (lost.value, overspent.value, held.value) == (0, 0, 0)
