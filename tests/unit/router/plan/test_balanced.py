"""The strategy `balanced`: what it prefers when it knows, and what it does when it doesn't."""

import random
from dataclasses import replace

import pytest

from tests.fakes import endpoints
from turnout.models.target import Target
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.predict.blocks import Blocks
from turnout.router.plan.predict.work import STALE_S
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.balanced import Balanced
from turnout.router.values import Constraints, Features

POOL = Target("pool", "m", "openai_compatible", pool="pool", is_local=True)
REMOTE = Target("remote", "m", "openai_compatible", input_price_pusd=3_000_000, output_price_pusd=15_000_000)
ANYWHERE = Constraints(is_local_only=False, deadline_at=1e9)


def pool(*ids: str, rate: float | None = 10_000.0) -> list[Candidate]:
    """Endpoints that prefill so many tokens a second, as answers have taught, or of which nothing is known."""
    made = [Candidate(POOL, endpoint) for endpoint in endpoints(*ids)]
    for candidate in made:
        teach(candidate, rate)
    return made


def teach(candidate: Candidate, rate: float | None, now: float = 0.0) -> None:
    outlook = candidate.foreseen()
    for tokens in (500, 1000, 5000, 20_000, 50_000) if rate else ():
        outlook.pace.note_first(tokens, tokens / rate, now)


def ask(tokens: int = 4000, blocks: tuple[int, ...] = (), now: float = 100.0) -> Query:
    return Query(ANYWHERE, Features(tokens, None, blocks=Blocks(b"", blocks)), now)


def best(candidates: list[Candidate], query: Query) -> str:
    scores = Balanced(random.Random(1)).score(candidates, query)
    assert all(0.0 <= score <= 1.0 for score in scores)
    return candidates[max(range(len(scores)), key=scores.__getitem__)].endpoint.id


def test_where_the_first_token_comes_soonest() -> None:
    a, b = pool("a", "b")
    a.foreseen().begin(20_000, (), 100.0)
    assert best([a, b], ask()) == "b"
    teach(b, 500.0, now=99.0)
    assert best([a, b], ask()) == "a", "2 s of queue are less than 8 s of prefill"


def test_a_cached_prefix_is_worth_its_tokens_and_no_more() -> None:
    a, b = pool("a", "b")
    blocks = tuple(range(20))
    stay = a.foreseen().begin(20 * 512, blocks, 90.0)
    a.foreseen().first(stay, 91.0)
    assert best([a, b], ask(20 * 512, blocks)) == "a"
    a.foreseen().begin(30_000, (), 100.0)
    assert best([a, b], ask(20 * 512, blocks)) == "b", "affinity doesn't pile load on"


def test_a_long_prefill_goes_where_it_disturbs_fewer() -> None:
    a, b = pool("a", "b")
    for _ in range(20):
        a.foreseen().first(a.foreseen().begin(10, (), 99.0), 99.0)
    assert best([a, b], ask(20_000)) == "b"


def test_money_counts() -> None:
    (here,) = pool("here", rate=3000.0)
    there = Candidate(REMOTE, endpoints("there")[0])
    teach(there, 8000.0)
    query = ask(8000)
    assert best([here, there], query) == "here", "1.7 s sooner for 2.8 cents"
    cheap = Candidate(replace(REMOTE, input_price_pusd=100_000, output_price_pusd=400_000), endpoints("cheap")[0])
    teach(cheap, 8000.0)
    assert best([here, cheap], query) == "cheap"


def test_a_provider_has_no_queue_that_one_would_wait_in() -> None:
    there, idle = (Candidate(replace(REMOTE, name=name), endpoints(name)[0]) for name in ("there", "idle"))
    for each in (there, idle):
        teach(each, 8000.0)
    there.foreseen().begin(100_000, (), 100.0)
    scores = Balanced(random.Random(1)).score([there, idle], ask())
    assert scores[0] > 0.95


def test_one_that_was_rate_limited_is_worse() -> None:
    a, b = pool("a", "b")
    a.is_limited = True
    assert best([a, b], ask()) == "b"


def test_as_long_as_nothing_is_known_new_tokens_times_batch_decide() -> None:
    a, b, c = pool("a", "b", "c", rate=None)
    a.foreseen().begin(1000, (1,), 100.0)
    b.foreseen().begin(9000, (), 100.0)
    c.foreseen().begin(1000, (), 100.0)
    assert best([a, b, c], ask(1024, (1,))) == "a"


def test_a_new_replica_is_taken_for_like_its_siblings() -> None:
    a, new = pool("a")[0], pool("new", rate=None)[0]
    a.foreseen().begin(20_000, (), 100.0)
    assert best([a, new], ask()) == "new"
    assert new.foreseen().pace.first_s(10_000, 100.0) == pytest.approx(1.0, rel=0.1)


def test_where_nothing_has_been_heard_for_long_two_are_drawn_and_the_idler_is_taken() -> None:
    made = pool("a", "b", "c")
    made[0].foreseen().begin(1000, (), 0.0)
    scorer = Balanced(random.Random(2))
    for _ in range(20):
        scores = scorer.score(made, ask(now=STALE_S + 1))
        assert min(scores) == 0.0
        assert sorted(scores)[1] > 0.0


def test_of_many_endpoints_the_rest_scores_nothing() -> None:
    made = pool(*(f"r{number}" for number in range(30)))
    scores = Balanced(random.Random(1)).score(made, ask())
    assert sum(score > 0 for score in scores) == 8
