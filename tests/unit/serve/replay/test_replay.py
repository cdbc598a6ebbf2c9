"""Replaying finds the difference that there is, none where there's none, and says how sure it is."""

import json
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.unit.serve.replay.traffic import FAR_USD, NEAR_USD, record, route
from turnout.models.decision import Considered, Decision, Happened, Prediction
from turnout.router.catalogue import ModelRoute
from turnout.serve.control.decisions.lines import write_fields
from turnout.serve.replay.difference import Difference, compare
from turnout.serve.replay.likely import Likely
from turnout.serve.replay.recorded import BadRecord, gather, read_lines
from turnout.serve.replay.world import play_models


def difference(decisions: list[Decision], to: ModelRoute, objective_s: float = 1.0, seed: int = 1) -> Difference:
    requests = gather(decisions)
    likely, rng = Likely(requests), Random(seed)
    runs = [play_models({"m": to}, requests, likely, rng)["m"][1] for _ in range(3)]
    found = compare("m", requests, runs, objective_s, seed)
    assert found is not None
    return found


def test_where_nothing_changes_nine_of_ten_intervals_hold_0() -> None:
    """95 of 100 should; of 60, fewer than 52 would be so one time in a hundred."""
    changes = [difference(record(200, seed=seed), route(("power_of_two", 1.0)), seed=seed) for seed in range(60)]
    assert sum(each.cost_usd is not None and each.cost_usd.low <= 0 <= each.cost_usd.high for each in changes) >= 52
    assert {each.in_time.by for each in changes} == {0.0}


def test_the_cheapest_is_as_much_cheaper_as_it_is() -> None:
    found = difference(record(600, weight=10.0), route(("cost", 1.0)))
    assert found.cost_usd is not None
    assert found.cost_usd.after == pytest.approx(FAR_USD)
    assert found.cost_usd.before == pytest.approx((NEAR_USD + FAR_USD) / 2, rel=0.1)
    assert found.cost_usd.low < found.cost_usd.by < found.cost_usd.high < 0
    assert found.shares["far"][1] == 1.0
    assert found.stand_for == 6000


def test_who_goes_where_it_is_slow_is_late() -> None:
    found = difference(record(600, near_s=0.5, far_s=3.0), route(("cost", 1.0)))
    assert found.in_time.after == 0.0
    assert found.in_time.before == pytest.approx(0.5, abs=0.06)
    found = difference(record(600, near_s=0.5, far_s=3.0), route(("latency", 1.0)))
    assert found.in_time.after > 0.85, "who was slow is asked again now and then"


def test_failures_go_along_to_whoever_would_have_gone_there() -> None:
    found = difference(record(600, far_fails=0.4), route(("cost", 1.0)))
    assert found.in_time.after == pytest.approx(0.6, abs=0.08)


def test_who_was_left_out_then_is_left_out_now() -> None:
    decisions = [
        msgspec.structs.replace(
            each,
            considered=(Considered("near", "near-1"), Considered("far", "far-1", "not_local")),
            target="near",
            endpoint="near-1",
        )
        for each in record(100)
    ]
    assert difference(decisions, route(("cost", 1.0))).shares == {"near": (1.0, 1.0)}


def test_a_target_of_which_too_little_is_known_gets_nothing() -> None:
    found = difference(record(200, share_far=0.0), route(("cost", 1.0)))
    assert found.shares == {"near": (1.0, 1.0)}


def test_a_target_that_is_gone_leaves_its_requests_to_the_others_or_to_nobody() -> None:
    rest = msgspec.structs.replace
    only_near = ModelRoute("m", (route().targets[0],), routing=route().routing)
    assert difference(record(200), only_near).shares["near"][1] == 1.0
    alone = [rest(each, considered=each.considered[1:]) for each in record(200) if each.target == "far"]
    assert (
        compare(
            "m", gather(alone), [play_models({"m": only_near}, gather(alone), Likely([]), Random(1))["m"][1]], 1.0, 1
        )
        is None
    )


def test_balanced_goes_by_what_was_predicted_then() -> None:
    seen = (Prediction(100, 0.0, 5.0, 0.0, 0.0), Prediction(100, 0.0, 0.1, 0.0, 0.0))
    decisions = [
        msgspec.structs.replace(
            each,
            considered=tuple(
                msgspec.structs.replace(one, prediction=said) for one, said in zip(each.considered, seen, strict=True)
            ),
        )
        for each in record(200)
    ]
    assert difference(decisions, route(("balanced", 1.0))).shares["far"][1] == 1.0


def test_a_request_of_two_attempts_took_and_cost_both() -> None:
    first, second = record(2)
    failed = msgspec.structs.replace(first, happened=Happened(500, "", "server", None, 10_000, 100, 0, 0, 7))
    again = msgspec.structs.replace(
        second, request_id=first.request_id, attempt=2, at_ns=first.at_ns + 10**9, weight=1.0
    )
    (request,) = gather([again, failed])
    assert again.happened is not None
    assert request.first is failed
    assert request.result.wait_s == pytest.approx(1.0 + (again.happened.first_token_us or 0) / 1e6)
    assert request.result.cost_nusd == 7 + (again.happened.cost_nusd or 0)
    assert gather([again]) == [], "its beginning isn't there"


def test_an_export_is_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    lines = [json.dumps(write_fields(each)) for each in record(3)]
    file.write_text("\n".join([*lines, ""]))
    assert read_lines(file) == record(3)
    for bad in ("{", "[]", '{"attempt": 1}'):
        file.write_text(f"{lines[0]}\n{bad}\n")
        with pytest.raises(BadRecord, match="line 2"):
            read_lines(file)
