"""How `turnout status` shows targets that are left alone."""

import msgspec
import pytest

from turnout.serve.cli.admin_api import ModelState, OverlayState, Router, SeenTarget, Status, Target
from turnout.serve.cli.overview import Overview, write_overview


def overview(*seen: SeenTarget) -> Overview:
    routers = {f"r{number}": each for number, each in enumerate(seen)}
    target = Target("there", ["small"], None, "far", 1.0, 1.0, False, routers)
    return Overview("http://here/v1", Status("0.1", None, OverlayState(0, {}, []), []), [target], {})


def row(shown: Overview) -> str:
    (line,) = [line for line in write_overview(shown) if line.startswith("there")]
    return " ".join(line.split())


def test_every_state_that_some_router_sees_is_shown_with_how_many_do() -> None:
    seen = SeenTarget("there", "ready", 2, 1, 0, "closed"), SeenTarget("there", "open", 2, 0, 0, "open")
    assert row(overview(*seen)) == "there small provider far 1 open 1/2, ready 1/2 2 1 0"


def test_keys_that_rest_are_shown_beside_the_endpoints() -> None:
    assert "resting 3 (3 resting)" in row(overview(SeenTarget("there", "resting", 3, 0, 0, "closed", 3)))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (ModelState("small", ["r0"], [], degrades=False), "requests are refused with 503"),
        (ModelState("small", ["r0"], ["big"], degrades=True), "requests go to big"),
        (ModelState("small", ["r0"], [], degrades=True), "requests get its configured answer"),
    ],
)
def test_a_model_that_nothing_can_answer_for_is_named_with_what_callers_get(model: ModelState, told: str) -> None:
    shown = overview(SeenTarget("there", "open", 2, 0, 0, "open"), SeenTarget("there", "ready", 2, 0, 0, "closed"))
    routers = [Router(f"r{number}", "n", 0, "c", None, 0) for number in range(2)]
    status = msgspec.structs.replace(shown.control, routers=routers, models=[model])
    lines = write_overview(msgspec.structs.replace(shown, control=status))
    assert lines[-1] == f"model small: nothing can answer at 1 of 2 routers (there open 1/2, ready 1/2); {told}"


def test_a_model_that_is_well_is_not_spoken_of() -> None:
    shown = overview(SeenTarget("there", "ready", 2, 0, 0, "closed"))
    routers = [Router("r0", "n", 0, "c", None, 0)]
    status = msgspec.structs.replace(shown.control, routers=routers, models=[ModelState("small", [], [], False)])
    assert not [
        line for line in write_overview(msgspec.structs.replace(shown, control=status)) if "model small" in line
    ]


def test_breaker_and_rest_are_in_the_json() -> None:
    shown = msgspec.json.decode(
        msgspec.json.encode(overview(SeenTarget("there", "half_open", 2, 0, 0, "half_open", 1)))
    )
    seen = shown["targets"][0]["routers"]["r0"]
    assert (seen["state"], seen["breaker"], seen["resting"]) == ("half_open", "half_open", 1)
