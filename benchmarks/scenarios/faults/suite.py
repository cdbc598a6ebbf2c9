"""The sixteen faults: for each what its upstreams do, what the gateway is configured with, and what its client must see."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnout.benchmarks.scenarios.faults.verdict import (
    Judge,
    at_most,
    attempts,
    judge_flap,
    judge_one,
    kept_alive,
    names_the_fallback,
    waited,
    within,
)

TOKENS = 60
PRIMARY_TEXT = " ".join(f"p{number:02}" for number in range(1, TOKENS + 1))
FALLBACK_TEXT = " ".join(f"f{number:02}" for number in range(1, 51))
TOKENS_PER_S = 200.0

FLAP_FROM_S, FLAP_UNTIL_S, AFTERWARDS_S = 5.0, 65.0, 10.0
FLAP_REQUESTS_PER_S = 3.0
BACK_WITHIN_S = 30.0
SOONEST_BACK_S = 10.0  # a gateway may have rests that no setting shortens for a quick run
LONG_S = 600.0  # longer than anybody waits


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    One fault. All seconds are those of a full run; a quick one takes a tenth of them.

    Attributes:
        id: `s01` to `s16`.
        title: what happens, in a few words.
        judge: decides.
        faults: of the primary upstream, as a mock's script has them.
        primary: more of its script.
        fallback: of the fallback's script.
        cause: which of the gateway's fallback lists names the fallback; None configures none.
        shares_text: whether the fallback would say the same, so that it can go on in the middle.
        settings: of the gateway's model: timeouts and the like.
        target, fallback_target: settings of the primary's target and the fallback's.
        headers: that the client sends, in seconds.
        repeats_for_s: seconds for which requests are sent, by the scale of the run; None sends one.
    """

    id: str
    title: str
    judge: Judge
    faults: Sequence[Mapping[str, Any]]
    primary: Mapping[str, Any] = field(default_factory=dict)
    fallback: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = "any_error"
    shares_text: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    fallback_target: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, float] = field(default_factory=dict)
    repeats_for_s: Callable[[float], float] | None = None

    @property
    def fallback_text(self) -> str:
        """What the fallback says."""
        return PRIMARY_TEXT if self.shares_text else FALLBACK_TEXT


def back_within_s(scale: float) -> float:
    """Seconds after an outage from which on the primary has to answer again."""
    return max(BACK_WITHIN_S * scale, SOONEST_BACK_S)


def flap_s(scale: float) -> float:
    """Seconds that the whole outage takes, before and after included."""
    return (FLAP_UNTIL_S + AFTERWARDS_S) * scale + back_within_s(scale)


FEW = at_most(attempts=3)
CUT_AT_40 = {"do": "cut", "after_tokens": 40}

SUITE = (
    Scenario(
        "s01",
        "429 once, with Retry-After",
        judge_one(attempts(exactly=2), forbidden=[waited(5), at_most(attempts=2)]),
        [{"do": "status", "status": 429, "retry_after_s": 5, "first": 1}],
        cause=None,
    ),
    Scenario(
        "s02",
        "429 for good",
        judge_one(within(30), forbidden=[FEW]),
        [{"do": "status", "status": 429, "retry_after_s": LONG_S}],
    ),
    Scenario(
        "s03", "500 once", judge_one(attempts(exactly=2)), [{"do": "status", "status": 500, "first": 1}], cause=None
    ),
    Scenario("s04", "503 for good", judge_one(within(60), forbidden=[FEW]), [{"do": "status", "status": 503}]),
    Scenario("s05", "TCP reset", judge_one(within(60), forbidden=[FEW]), [{"do": "reset"}]),
    Scenario(
        "s06",
        "no response at all",
        judge_one(within(20), forbidden=[attempts(exactly=1)]),
        [{"do": "stall", "stall_s": LONG_S}],
        settings={"timeouts": {"first_token_s": 10, "attempt_s": 10}},
    ),
    Scenario(
        "s07",
        "first token after 20 s, limit 5 s",
        judge_one(within(10), forbidden=[attempts(exactly=1)]),
        [],
        primary={"latency": {"ttft_s": 20, "tokens_per_s": TOKENS_PER_S}},
        settings={"timeouts": {"attempt_s": 8}},
        headers={"x-turnout-ttft-s": 5},
    ),
    Scenario("s08", "cut after 40 of 60 tokens", judge_one(forbidden=[FEW]), [CUT_AT_40], shares_text=True),
    Scenario(
        "s09",
        "30 s of silence after 20 tokens",
        judge_one(within(15), kept_alive(5), forbidden=[FEW]),
        [{"do": "stall", "after_tokens": 20, "stall_s": 30}],
        shares_text=True,
        settings={"timeouts": {"gap_s": 10, "attempt_s": 10, "heartbeat_after_s": 5}},
    ),
    Scenario(
        "s10",
        "a chunk that isn't JSON",
        judge_one(forbidden=[FEW]),
        [{"do": "malformed", "after_tokens": 20}],
        shares_text=True,
    ),
    Scenario("s11", "no [DONE]", judge_one(forbidden=[FEW]), [{"do": "no_done", "after_tokens": 60}], shares_text=True),
    Scenario(
        "s12",
        "the prompt doesn't fit",
        judge_one(forbidden=[attempts(exactly=1)]),
        [{"do": "context_length"}],
        cause="context_window",
    ),
    Scenario(
        "s13",
        "content filter",
        judge_one(forbidden=[attempts(exactly=1)]),
        [{"do": "content_filter"}],
        cause="content_policy",
    ),
    Scenario(
        "s14",
        "cut, and a fallback that refuses prefill",
        judge_one(forbidden=[FEW]),
        [CUT_AT_40],
        fallback={"refuses_prefill": True},
        shares_text=True,
        fallback_target={"continues_by": "prefill"},
    ),
    Scenario(
        "s15",
        "an outage of 60 s",
        judge_flap(FLAP_UNTIL_S, back_within_s),
        [{"do": "status", "status": 503, "from_s": FLAP_FROM_S, "until_s": FLAP_UNTIL_S}],
        target={"breaker": {"window_s": 10, "open_s": 2, "open_max_s": 10, "slow_start_s": 5}},
        repeats_for_s=flap_s,
    ),
    Scenario(
        "s16",
        "what answered is what's reported",
        judge_one(names_the_fallback, forbidden=[FEW]),
        [{"do": "status", "status": 500}],
    ),
)
