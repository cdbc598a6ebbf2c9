"""`auto` models through the whole line: who answers what, and what happens when prices, embeddings or places are missing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.fakes import FakeOut, FakeUpstream, answers, endpoints, fails
from tests.gateways import ANSWER, Rig
from turnout.models.target import ModelCard, Target
from turnout.models.upstream import Failure
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.choose.terms import Auto
from turnout.router.embedding import Embedded
from turnout.router.quality import lexical
from turnout.router.quality.fit import Table, fit
from turnout.router.quality.predictor import QualityPredictor

EASY = "What is the capital of France?"
HARD = "Prove that $\\sum_{k=1}^n k^3 = \\frac{n^2 (n+1)^2}{4}$ and compute it for n = 1234567. " * 12
AUTO = Auto(("small", "big"), min_quality=0.7)
VECTORS = {
    "e": np.array([1, 0], dtype=np.float32),
    "h": np.array([0, 1], dtype=np.float32),
}


def target(name: str, usd_per_million: float | None = None, **settings: object) -> Target:
    price = None if usd_per_million is None else int(usd_per_million * 1e6)
    return Target(name, f"up-{name}", "openai_compatible", input_price_pusd=price, output_price_pusd=price, **settings)  # type: ignore[arg-type]


SMALL, BIG = target("small-1", 0.1), target("big-1", 10)


def rig(auto: Auto = AUTO, small: Target = SMALL, big: Target = BIG, upstream: FakeUpstream | None = None) -> Rig:
    routes = (
        ModelRoute("smart", (), choices=(auto,)),
        ModelRoute("small", (small,)),
        ModelRoute("big", (big,)),
    )
    fixed = {each.name: tuple(endpoints(f"{each.name}:443")) for each in (small, big) if each.pool is None}
    config = Catalogue("v1", {route.name: route for route in routes}, fixed, is_open=True)
    return Rig(upstream or FakeUpstream(answers(ANSWER)), config)


def ask(question: object = EASY, **fields: object) -> bytes:
    return json.dumps({"model": "smart", "messages": [{"role": "user", "content": question}], **fields}).encode()


def told(out: FakeOut) -> tuple[bytes, bytes]:
    assert out.status == 200, out.body
    return out.headers[b"x-turnout-target"], out.headers[b"x-turnout-route-reason"]


def learned() -> QualityPredictor:
    """By embedding: the small model is good at what lies near "e" and bad near "h"; the big one is good at all."""
    rng = np.random.default_rng(7)
    kinds = rng.integers(0, 2, 400)
    vectors = np.stack([VECTORS["eh"[kind]] for kind in kinds]) + rng.normal(0, 0.05, (400, 2)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    signals = np.array([lexical.read("A question.")] * 400)
    scores = np.stack((np.where(kinds == 0, 0.95, 0.05), np.full(400, 0.95)), axis=1)
    table = Table(("small", "big"), signals, vectors.astype(np.float32), scores, np.ones_like(scores))
    return fit(table, {}, "minilm-1", rng)


LEARNED = replace(AUTO, predictor=learned(), embedder="minilm")


async def test_without_a_fit_simple_requests_go_to_the_weaker_model_and_complex_ones_to_the_stronger() -> None:
    line = rig()
    assert told(await line.post(ask(EASY))) == (b"small-1", b"auto")
    assert told(await line.post(ask(HARD))) == (b"big-1", b"auto")
    assert [row.model for row in line.sink.entries] == ["smart", "smart"]


async def test_prices_that_nobody_knows_leave_the_order_of_the_list() -> None:
    line = rig(small=target("small-1"), big=target("big-1", 0.0))
    assert told(await line.post(ask(EASY))) == (b"small-1", b"auto")
    assert told(await line.post(ask(HARD))) == (b"big-1", b"auto")


async def test_the_cheapest_that_is_good_enough_answers_whatever_its_place_in_the_list() -> None:
    line = rig(small=target("small-1", 10), big=target("big-1", 0.1))
    assert told(await line.post(ask(EASY))) == (b"big-1", b"auto")


@pytest.mark.parametrize(("least", "answerer"), [("0.1", b"small-1"), ("0.99", b"big-1")])
async def test_a_caller_asks_for_a_quality_in_the_header_or_the_body(least: str, answerer: bytes) -> None:
    line = rig()
    by_header = await line.post(ask("Tell me about life."), x_turnout_min_quality=least)
    by_body = await line.post(ask("Tell me about life.", min_quality=float(least)))
    assert told(by_header)[0] == told(by_body)[0] == answerer
    assert b"min_quality" not in line.upstream.calls[-1][1].body, "it's the gateway's, and no provider knows it"


@pytest.mark.parametrize("least", ["high", "1.5", "-1", "true", '"0.5"'])
async def test_a_quality_that_is_none_is_refused(least: str) -> None:
    line = rig()
    out = await line.post(ask(), x_turnout_min_quality=least)
    assert out.status == 400
    assert b"x-turnout-min-quality" in out.body
    assert not line.upstream.calls


async def test_by_worth_the_stronger_answers_only_where_it_is_better_by_more_than_it_costs() -> None:
    dear, cheap = (
        replace(AUTO, min_quality=None, good_answer_usd=10.0),
        replace(AUTO, min_quality=None, good_answer_usd=1e-6),
    )
    assert told(await rig(dear).post(ask(EASY)))[0] == b"big-1"
    assert told(await rig(cheap).post(ask(HARD)))[0] == b"small-1"


async def test_a_card_says_better_than_the_place_in_the_list() -> None:
    line = rig(small=replace(SMALL, card=ModelCard(quality=0.2)))
    assert told(await line.post(ask(EASY))) == (b"big-1", b"auto")


async def test_a_model_made_for_what_the_caller_names_is_favoured() -> None:
    line = rig(replace(AUTO, min_quality=0.8), replace(SMALL, card=ModelCard(tasks=frozenset({"legal"}))))
    question = ask("Is a contract by word of mouth valid?")
    assert told(await line.post(question))[0] == b"big-1"
    assert told(await line.post(question, x_turnout_task="legal"))[0] == b"small-1"


async def test_what_a_model_can_not_do_or_may_not_see_is_not_sent_to_it() -> None:
    blind = replace(SMALL, card=ModelCard(capabilities=frozenset()))
    picture = [{"type": "text", "text": EASY}, {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
    assert told(await rig(small=blind).post(ask(picture)))[0] == b"big-1"
    local = replace(BIG, name="local", pool="pool", is_local=True)
    assert told(await rig(big=local).post(ask(EASY), x_turnout_residency="local"))[0] == b"local"


async def test_where_nobody_may_answer_the_refusal_says_why() -> None:
    line = rig()
    out = await line.post(ask(), x_turnout_residency="local")
    assert out.status == 400
    assert b"not_local" in out.body
    assert not line.upstream.calls


async def test_a_model_that_fails_is_followed_by_the_next_best() -> None:
    line = rig(upstream=FakeUpstream(fails(Failure.CONNECT), answers(ANSWER)))
    assert told(await line.post(ask(EASY))) == (b"big-1", b"fallback_never_sent")
    assert [row.target for row in line.sink.entries] == ["small-1", "big-1"]


async def test_with_a_fit_the_embedding_decides() -> None:
    line = rig(LEARNED)
    line.embedding.known = {
        "easy one": Embedded(VECTORS["e"], "minilm-1"),
        "hard one": Embedded(VECTORS["h"], "minilm-1"),
    }
    assert told(await line.post(ask("easy one"))) == (b"small-1", b"auto")
    assert told(await line.post(ask("hard one"))) == (b"big-1", b"auto")
    assert line.embedding.asked == [("minilm", "easy one"), ("minilm", "hard one")]


async def test_an_embedding_that_comes_too_late_is_done_without() -> None:
    line = rig(replace(LEARNED, embed_within_s=0.001))
    line.embedding.gate.clear()
    _, reason = told(await line.post(ask("easy one")))
    assert reason == b"auto_lexical"
    await line.embeddings.close()


@pytest.mark.parametrize(
    "other", [Embedded(VECTORS["e"], "another-2"), Embedded(np.ones(3, dtype=np.float32), "minilm-1")]
)
async def test_vectors_of_another_embedder_are_not_read(other: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    line = rig(LEARNED)
    line.embedding.known = {"easy one": other}
    for _ in range(2):
        assert told(await line.post(ask("easy one")))[1] == b"auto_lexical"
    assert len([record for record in caplog.records if record.name == "turnout.choose"]) == 1, "told once a config"


async def test_the_question_is_the_users_last_message() -> None:
    line = rig(LEARNED)
    turns = [("system", "Be brief."), ("user", "first"), ("assistant", "yes"), ("user", "last"), ("assistant", "so")]
    messages = [{"role": role, "content": content} for role, content in turns]
    await line.post(json.dumps({"model": "smart", "messages": messages}).encode())
    assert line.embedding.asked == [("minilm", "last")]


async def test_what_was_compared_can_be_explained_afterwards() -> None:
    line = rig(upstream=FakeUpstream(fails(Failure.CONNECT), answers(ANSWER)))
    await line.post(ask(EASY))
    first, second = line.explanations.find("req-1")
    small, big = first.weighed
    assert (small.model, big.model) == ("small", "big")
    assert 0.7 <= small.quality < big.quality < 1
    assert small.price_nusd is not None
    assert big.price_nusd == pytest.approx(100 * small.price_nusd, abs=50)
    assert (first.answering, first.reason) == ("small", "auto")
    assert (second.answering, second.reason) == ("big", "fallback_never_sent")
