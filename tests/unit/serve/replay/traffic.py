"""Recorded traffic whose truth is known: a target `near` that's dear, and a target `far` that's cheap."""

import random

from turnout.models.decision import Considered, Decision, Happened
from turnout.models.target import Target
from turnout.router.catalogue import ModelRoute, Routing

NEAR = Target("near", "m", "openai_compatible", input_price_pusd=1_000_000, output_price_pusd=4_000_000)
FAR = Target("far", "m", "openai_compatible", input_price_pusd=100_000, output_price_pusd=400_000)
TOKENS = (100, 50)
NEAR_USD = (100 * 1e6 + 50 * 4e6) / 1e12
FAR_USD = NEAR_USD / 10


def route(*strategy: tuple[str, float]) -> ModelRoute:
    return ModelRoute("m", (NEAR, FAR), routing=Routing(strategy or (("power_of_two", 1.0),)))


def record(
    count: int,
    *,
    near_s: float = 0.5,
    far_s: float = 0.5,
    far_fails: float = 0.0,
    seed: int = 1,
    share_far: float = 0.5,
    weight: float = 1.0,
) -> list[Decision]:
    """Requests a second apart, sent to either target at random; each target takes its time, give or take a fifth."""
    rng = random.Random(seed)
    made: list[Decision] = []
    for number in range(count):
        is_far = rng.random() < share_far
        target, took_s = (FAR, far_s) if is_far else (NEAR, near_s)
        took_s *= rng.uniform(0.8, 1.2)
        cost_nusd = round((FAR_USD if is_far else NEAR_USD) * 1e9)
        happened = Happened(200, "", "", int(took_s * 1e6), int(took_s * 2e6), *TOKENS, 0, cost_nusd)
        if is_far and rng.random() < far_fails:
            happened = Happened(500, "", "server", None, 1000, 0, 0, 0, None)
        considered = tuple(Considered(name, f"{name}-1", "", 1.0, 0) for name in ("near", "far"))
        made.append(
            Decision(
                f"r{number:06}", 1, (1000 + number) * 10**9, "t", "m", "m", "power_of_two", "power_of_two", target.name, f"{target.name}-1",
                TOKENS[0], None, True, considered, happened, weight,
            )
        )  # fmt: skip
    return made
