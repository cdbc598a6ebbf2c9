"""What the admin API's fields make of a grantee."""

from typing import Any

import pytest
from pydantic import ValidationError

from turnout.models.access import Budget, Limit, Unit
from turnout.models.errors import BadRequest
from turnout.serve.control.directory.bodies import KeyDelete, KeyGenerate, KeyRef
from turnout.serve.control.directory.durations import read_duration_s, read_window, write_usd
from turnout.serve.control.directory.grantee import Grantee, Kind

EMPTY = Grantee(Kind.KEY, "k", "", "acme")


def revise(grantee: Grantee = EMPTY, **fields: Any) -> Grantee:
    return KeyGenerate.model_validate(fields).revise(grantee, 1000.0)


def test_the_names_that_people_know_become_limits_with_the_keys_own_bucket() -> None:
    made = revise(rpm_limit=5, tpm_limit=6, max_parallel_requests=7, model_rpm_limit={"m": 8}).terms.limits
    assert set(made) == {
        Limit("key:k", Unit.REQUESTS, 5, 60),
        Limit("key:k", Unit.TOKENS, 6, 60),
        Limit("key:k", Unit.CONCURRENT, 7),
        Limit("key:k", Unit.REQUESTS, 8, 60, "m"),
    }


def test_a_limit_takes_the_place_of_its_like_and_null_takes_it_back() -> None:
    made = revise(rpm_limit=5, tpm_limit=6, model_rpm_limit={"m": 8})
    assert {limit.amount for limit in revise(made, rpm_limit=50).terms.limits} == {50, 6, 8}
    assert {limit.amount for limit in revise(made, rpm_limit=None).terms.limits} == {6, 8}
    assert {limit.amount for limit in revise(made, model_rpm_limit=None).terms.limits} == {5, 6}
    listed = revise(made, limits=[{"unit": "requests", "amount": 9, "window_s": 86400, "hard": False}], tpm_limit=1)
    assert set(listed.terms.limits) == {
        Limit("key:k", Unit.REQUESTS, 9, 86_400, "", False),
        Limit("key:k", Unit.TOKENS, 1, 60),
    }


def test_money_is_exact_and_windows_are_the_calendars() -> None:
    made = revise(max_budget=0.1, soft_budget="0.000000001", budget_duration="30d").budgets
    assert made == (
        Budget("key:k:monthly", 100_000_000, "monthly"),
        Budget("key:k:monthly:soft", 1, "monthly", is_hard=False),
    )
    by_model = revise(model_max_budget={"m": {"max_budget": 2, "budget_duration": "12h"}}).budgets
    assert by_model == (Budget("key:k:rolling-43200:m", 2_000_000_000, "rolling:43200", "m"),)


def test_a_budget_is_changed_in_part() -> None:
    made = revise(max_budget=5, budget_duration="1d", alert_shares=[1, 0.5], downgrade_at=0.9, downgrade_to="cheap")
    raised = revise(made, max_budget=6)
    assert raised.budgets == (
        Budget("key:k:daily", 6_000_000_000, "daily", alert_shares=(0.5, 1.0), downgrade_at=0.9, downgrade_to="cheap"),
    )
    assert revise(raised, budget_duration=None).budgets[0].id == "key:k:total"
    assert revise(raised, max_budget=None).budgets == ()


def test_what_is_not_sent_stays_and_null_takes_back() -> None:
    made = revise(
        models=["a"],
        regions=["eu", "ch"],
        duration="1h",
        tags=["t", "t"],
        metadata={"x": 1},
        priority=3,
        key_alias="one",
    )
    assert revise(made) == made
    assert (made.terms.expires_at_s, made.terms.tags, made.name) == (4600.0, ("t",), "one")
    assert made.terms.regions == {"eu", "ch"}
    bare = revise(made, models=[], regions=None, duration=None, tags=None, metadata=None, priority=None, key_alias=None)
    assert bare == EMPTY


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_bugdet": 1}, "did you mean 'max_budget'"),
        ({"key": "sk-mine-mine"}, "keys are made here"),
        ({"rpm_limit": -1}, "greater than or equal to 0"),
        ({"rpm_limit": 2.5}, "integer"),
        ({"max_budget": -1}, "greater than or equal to 0"),
        ({"max_budget": "NaN"}, "finite"),
        ({"operations": ["fly"]}, "chat"),
        ({"regions": ["The Moon"]}, "pattern"),
        ({"limits": [{"unit": "requests", "amount": 1}]}, "60, 3600, 86400"),
        ({"limits": [{"unit": "concurrent", "amount": 1, "window_s": 60}]}, "one of 0"),
        ({"metadata": {"x": "y" * 20_000}}, "16 KiB"),
        ({"metadata": {"x": "\ud800"}}, "JSON"),
        ({"key_alias": "\ud800"}, "unicode"),
        ({"tags": [""]}, "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_hint(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KeyGenerate.model_validate(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_budget": "0.0000000001"},
        {"max_budget": "1e30"},
        {"duration": "soon"},
        {"duration": "0d"},
        {"budget_duration": "1d"},
        {"alert_shares": [0.5]},
        {"max_budget": 1, "budget_duration": "1y"},
    ],
)
def test_what_does_not_make_sense_together_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        revise(**fields)


def test_a_key_is_named_once() -> None:
    for fields in ({}, {"key": "sk-tn-aaaa", "key_id": "k"}):
        with pytest.raises(ValidationError, match="give key_id"):
            KeyRef.model_validate(fields)
    assert KeyDelete().key_ids == []


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("12h", 43_200), ("2w", 1_209_600)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert read_duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "window"),
    [(None, "total"), ("1d", "daily"), ("7d", "weekly"), ("1mo", "monthly"), ("5h", "rolling:18000")],
)
def test_windows_are_read(text: str | None, window: str) -> None:
    assert read_window(text) == window


@pytest.mark.parametrize(("nusd", "text"), [(0, "0"), (1, "0.000000001"), (12_500_000_000, "12.5"), (10**11, "100")])
def test_money_is_written_exactly(nusd: int, text: str) -> None:
    assert write_usd(nusd) == text
