"""What each condition of a rule lets through; first by tables, then all together against a reading of the words that knows nothing of closures."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateways import LOCAL
from turnout.models.access import Principal
from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Capability
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import ModelRoute
from turnout.router.choose.asked import Asked
from turnout.router.choose.rules import RuleList
from turnout.router.choose.shares import place
from turnout.router.choose.terms import Hours, Rule, Rules, Share, When
from turnout.router.values import Constraints, Features

ALICE = Principal("acme", "k-1", team="search", user="alice", tier="gold", tags=("red", "blue"))
USUAL = Features(100, None, task="code")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALL_WEEK = frozenset(range(7))
BERLIN = ZoneInfo("Europe/Berlin")


def asked(
    principal: Principal = ALICE,
    body: bytes = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}',
    features: Features = USUAL,
    at: datetime = NOON,
    request_id: str = "req-1",
    **headers: str,
) -> Asked:
    arrival = Arrival(request_id, b"", 0.0, int(at.timestamp()) * 10**9)
    route = ModelRoute("gpt-*", (LOCAL,))
    call = Call(arrival, principal, parse_request(Operation.CHAT, body), Constraints(False, 60.0), features, route)
    return Asked(call, {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()})


async def fits(when: When, request: Asked) -> bool:
    choice = await RuleList(Rules((Rule(when, "other"),)), "m").choose(request)
    assert choice is None or (choice.model, choice.reason) == ("other", "rule_1")
    return choice is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant", "acme"),
        ("team", "search"),
        ("user", "alice"),
        ("key", "k-1"),
        ("tier", "gold"),
        ("model", "gpt-4o"),
        ("task", "code"),
        ("tag", "blue"),
    ],
)
async def test_names_fit_whole_or_by_how_they_begin(name: str, value: str) -> None:
    request = asked()
    assert await fits(When({name: (value,)}), request)
    assert await fits(When({name: ("x", value)}), request)
    assert await fits(When({name: (value[:2] + "*",)}), request)
    assert not await fits(When({name: (value[:2],)}), request)
    assert not await fits(When({name: (value + "x*",)}), request)


async def test_a_requests_own_tags_count_beside_its_keys() -> None:
    body = b'{"model":"m","metadata":{"tags":["night"]},"messages":[{"role":"user","content":"hi"}]}'
    assert await fits(When({"tag": ("night",)}), asked(body=body))
    assert await fits(When({"tag": ("red",)}), asked(body=body))
    assert not await fits(When({"tag": ("day",)}), asked(body=body))


async def test_headers_fit_by_value_and_a_star_alone_asks_only_that_they_are_there() -> None:
    when = When(headers={"x-app": ("batch", "night*")})
    assert await fits(when, asked(x_app="batch"))
    assert await fits(when, asked(x_app="nightly"))
    assert not await fits(when, asked(x_app="Batch"))
    assert not await fits(when, asked())
    assert await fits(When(headers={"x-app": ("*",)}), asked(x_app=""))
    assert not await fits(When(headers={"x-app": ("*",)}), asked())


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(100, None, True), (101, None, False), (None, 100, True), (None, 99, False), (50, 150, True), (101, 150, False)],
)
async def test_lengths_are_within_both_bounds(least: int | None, most: int | None, expected: bool) -> None:
    assert await fits(When(least_tokens=least, most_tokens=most), asked()) is expected


async def test_needs_and_streams() -> None:
    tools = b'{"model":"m","stream":true,"tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"x"}]}'
    assert await fits(When(has=frozenset({Capability.TOOLS}), is_stream=True), asked(body=tools))
    assert not await fits(When(has=frozenset({Capability.TOOLS, Capability.VISION})), asked(body=tools))
    assert not await fits(When(has=frozenset({Capability.TOOLS})), asked())
    assert not await fits(When(is_stream=True), asked())
    assert await fits(When(is_stream=False), asked())


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        (Hours(time(9), time(17), ALL_WEEK, UTC), datetime(2026, 11, 23, 9, 0, tzinfo=UTC), True),
        (Hours(time(9), time(17), ALL_WEEK, UTC), datetime(2026, 11, 23, 17, 0, tzinfo=UTC), False),
        (Hours(time(9), time(17), frozenset({1}), UTC), datetime(2026, 11, 23, 10, 0, tzinfo=UTC), False),
        (Hours(time(9), time(17), frozenset({0}), UTC), datetime(2026, 11, 23, 10, 0, tzinfo=UTC), True),
        (Hours(time(0), time(0), frozenset({0}), UTC), datetime(2026, 11, 23, 23, 59, tzinfo=UTC), True),
        (Hours(time(0), time(0), frozenset({0}), UTC), datetime(2026, 11, 24, 0, 0, tzinfo=UTC), False),
        # Over midnight: the night of Monday ends on Tuesday.
        (Hours(time(22), time(6), frozenset({0}), UTC), datetime(2026, 11, 23, 23, 0, tzinfo=UTC), True),
        (Hours(time(22), time(6), frozenset({0}), UTC), datetime(2026, 11, 24, 5, 59, tzinfo=UTC), True),
        (Hours(time(22), time(6), frozenset({0}), UTC), datetime(2026, 11, 23, 5, 59, tzinfo=UTC), False),
        (Hours(time(22), time(6), frozenset({0}), UTC), datetime(2026, 11, 24, 6, 0, tzinfo=UTC), False),
        # 9:00 in Berlin is 8:00 UTC in winter and 7:00 in summer.
        (Hours(time(9), time(17), ALL_WEEK, BERLIN), datetime(2026, 11, 23, 8, 0, tzinfo=UTC), True),
        (Hours(time(9), time(17), ALL_WEEK, BERLIN), datetime(2026, 11, 23, 7, 59, tzinfo=UTC), False),
        (Hours(time(9), time(17), ALL_WEEK, BERLIN), datetime(2026, 7, 20, 7, 0, tzinfo=UTC), True),
    ],
)
async def test_hours_are_of_the_zones_own_clock(hours: Hours, at: datetime, expected: bool) -> None:
    assert await fits(When(hours=hours), asked(at=at)) is expected


async def count(share: Share, requests: list[Asked], rules: RuleList | None = None) -> int:
    term = rules or RuleList(Rules((Rule(When(share=share), "other"),)), "m")
    return sum([await term.choose(request) is not None for request in requests])


async def test_a_share_is_that_share_and_the_same_one_every_time() -> None:
    sessions = [asked(features=Features(1, None, session=number.to_bytes(16, "big"))) for number in range(4000)]
    taken = await count(Share(0.1), sessions)
    assert 330 <= taken <= 470, "400 expected; four standard deviations are 76"
    assert await count(Share(0.1), sessions) == taken
    assert await count(Share(1.0), sessions) == 4000


async def test_what_belongs_together_stays_together() -> None:
    of_one_user = [asked(Principal("t", f"k-{number}", user="bob"), request_id=f"r-{number}") for number in range(50)]
    assert await count(Share(0.5, "user"), of_one_user) in (0, 50)
    assert 0 < await count(Share(0.5, "key"), of_one_user) < 50
    assert 0 < await count(Share(0.5, "request"), of_one_user) < 50
    of_nobody = [asked(Principal("t", "k-1"), request_id=f"r-{number}") for number in range(50)]
    assert await count(Share(0.5, "user"), of_nobody) in (0, 50), "a user without a name is taken by key"
    assert 0 < await count(Share(0.5, "session"), of_nobody) < 50, "without a session each request is by itself"


def test_parts_for_different_models_are_independent() -> None:
    subjects = [number.to_bytes(8, "big") for number in range(4000)]
    both = sum(place("m\0a", each) < 0.5 and place("m\0b", each) < 0.5 for each in subjects)
    assert 890 <= both <= 1110, "1000 expected; four standard deviations are 110"


names = st.sampled_from(["acme", "zeta", "ac*", "*"])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "tenant": st.lists(names, min_size=1, max_size=2),
        "header": st.lists(names, min_size=1, max_size=2),
        "least": st.integers(1, 4),
        "most": st.integers(1, 4),
        "stream": st.booleans(),
    },
)


def reads(said: dict[str, object], tenant: str, header: str | None, tokens: int, is_stream: bool) -> bool:
    """The words of the documentation, condition by condition."""

    def is_one_of(value: str | None, wanted: list[str]) -> bool:
        return value is not None and any(w == value or (w[-1] == "*" and value[: len(w) - 1] == w[:-1]) for w in wanted)

    return (
        ("tenant" not in said or is_one_of(tenant, said["tenant"]))  # type: ignore[arg-type]
        and ("header" not in said or is_one_of(header, said["header"]))  # type: ignore[arg-type]
        and tokens >= said.get("least", 0)  # type: ignore[operator]
        and tokens <= said.get("most", 99)  # type: ignore[operator]
        and said.get("stream", is_stream) == is_stream
    )


@given(
    rules=st.lists(conditions, max_size=4),
    tenant=st.sampled_from(["acme", "zeta", "acorn"]),
    header=st.sampled_from([None, "acme", "ac", "other"]),
    tokens=st.integers(1, 4),
    is_stream=st.booleans(),
)
async def test_the_first_rule_of_which_all_holds_is_taken(
    rules: list[dict[str, object]], tenant: str, header: str | None, tokens: int, is_stream: bool
) -> None:
    term = RuleList(
        Rules(
            tuple(
                Rule(
                    When(
                        {"tenant": tuple(said["tenant"])} if "tenant" in said else {},  # type: ignore[arg-type]
                        {"x-app": tuple(said["header"])} if "header" in said else {},  # type: ignore[arg-type]
                        said.get("least"),  # type: ignore[arg-type]
                        said.get("most"),  # type: ignore[arg-type]
                        is_stream=said.get("stream"),  # type: ignore[arg-type]
                    ),
                    f"model-{number}",
                )
                for number, said in enumerate(rules)
            )
        ),
        "m",
    )
    body = b'{"model":"m","stream":%s,"messages":[{"role":"user","content":"hi"}]}' % (
        b"true" if is_stream else b"false"
    )
    request = asked(
        Principal(tenant, "k"), body, Features(tokens, None), **({} if header is None else {"x_app": header})
    )
    choice = await term.choose(request)
    expected = [n for n, said in enumerate(rules) if reads(said, tenant, header, tokens, is_stream)]
    assert (None if choice is None else choice.model) == (f"model-{expected[0]}" if expected else None)
