"""How `turnout status` shows targets that are left alone."""

import msgspec

from turnout.serve.cli.admin_api import OverlayState, SeenTarget, Status, Target
from turnout.serve.cli.overview import Overview, write_overview


def overview(*seen: SeenTarget) -> Overview:
    routers = {f"r{number}": each for number, each in enumerate(seen)}
    target = Target("there", ["small"], None, "far", 1.0, 1.0, False, routers)
    return Overview("http://here/v1", Status("0.1", None, OverlayState(0, {}, []), []), [target], {})


def row(shown: Overview) -> str:
    (line,) = [line for line in write_overview(shown) if line.startswith("there")]
    return " ".join(line.split())


def test_every_state_that_some_router_sees_is_shown() -> None:
    seen = SeenTarget("there", "ready", 2, 1, 0, "closed"), SeenTarget("there", "open", 2, 0, 0, "open")
    assert row(overview(*seen)) == "there small provider far 1 open, ready 2 1 0"


def test_keys_that_rest_are_shown_beside_the_endpoints() -> None:
    assert "resting 3 (3 resting)" in row(overview(SeenTarget("there", "resting", 3, 0, 0, "closed", 3)))


def test_breaker_and_rest_are_in_the_json() -> None:
    shown = msgspec.json.decode(
        msgspec.json.encode(overview(SeenTarget("there", "half_open", 2, 0, 0, "half_open", 1)))
    )
    seen = shown["targets"][0]["routers"]["r0"]
    assert (seen["state"], seen["breaker"], seen["resting"]) == ("half_open", "half_open", 1)
