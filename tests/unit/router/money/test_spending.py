"""Money through the whole request line: what is sent, booked, refused and answered by another model."""

import asyncio
import hashlib
import json
import random
from dataclasses import replace

import msgspec
import pytest

from tests.fakes import FakeOut, FakeUpstream, Script, answers, head, refuses, streams
from tests.fakes_money import FakeControl
from tests.fakes_servers import FINISH, say
from tests.gateways import ANSWER, CHAT, REMOTE, STREAM, Rig
from turnout.models.access import Budget, Principal
from turnout.models.openai.request import Operation
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Failure
from turnout.router.account import Account
from turnout.router.catalogue import Catalogue, Fallbacks, ModelRoute
from turnout.router.money.policy import MoneyPolicy
from turnout.router.money.purses import Group, Purses

CHEAP = Target("cheap", "small", "openai_compatible", input_price_pusd=1_000, output_price_pusd=1_000)
COST = 442_000
"""Nano-USD of `ANSWER` at `REMOTE`: 21 tokens at 2 USD a million and 50 at 8."""


class MoneyRig:
    """A gateway whose one key spends from a budget."""

    def __init__(self, budget: Budget, *scripts: Script, target: Target = REMOTE, fallbacks: Fallbacks | None = None):
        self.control = FakeControl(budget)
        routes = {
            "m": ModelRoute("m", (target,), fallbacks=fallbacks or Fallbacks()),
            "small": ModelRoute("small", (CHEAP,)),
        }
        ends = {each.name: (Endpoint(each.name, f"{each.name}.test", 443),) for each in (target, CHEAP)}
        digest = hashlib.blake2b(b"sk-1", digest_size=32).digest()
        config = Catalogue("v1", routes, ends, keys={digest: Principal("t", "k", budgets=("b",))})
        self.upstream = FakeUpstream(*scripts)
        self.rig = Rig(self.upstream, config, pools={})
        self.purses = Purses(self.control.bank("r"), self.rig.clock.now)
        self.rig.gateway._attempts._account = Account(self.rig.sink, self.rig.clock.now, self.purses)

    async def fill(self, nusd: int) -> None:
        """Have so much leased, as if it had been used lately."""
        self.purses.settle(await self._hold(nusd), nusd, 0)

    async def _hold(self, nusd: int) -> Group:
        waiting = asyncio.ensure_future(self.purses.hold(("b",), "m", nusd, self.rig.clock.now() + 60))
        while not waiting.done():
            await asyncio.sleep(0)
            await self.purses.renew()
        return waiting.result()

    async def post(self, body: bytes = CHAT) -> FakeOut:
        out = FakeOut()
        await self.rig.gateway.handle(Operation.CHAT, head(authorization="Bearer sk-1"), body, out)
        return out

    @property
    def free(self) -> int:
        return self.purses._purses["b"].free


def rich(**terms: object) -> Budget:
    return msgspec.structs.replace(Budget("b", 1_000_000_000, "total"), **terms)


async def test_an_answer_is_booked_at_its_cost_and_the_rest_of_the_hold_is_free_again() -> None:
    money = MoneyRig(rich(), answers(ANSWER))
    await money.fill(100_000_000)
    before = money.free
    assert (await money.post()).status == 200
    assert money.free == before - COST
    (row,) = money.rig.sink.entries
    assert (row.cost_nusd, row.budgets) == (COST, ("b",))


async def test_a_request_without_a_limit_is_sent_with_the_targets() -> None:
    money = MoneyRig(rich(), answers(ANSWER), target=replace(REMOTE, max_output_tokens=77))
    await money.fill(100_000_000)
    await money.post()
    await money.post(CHAT[:-1] + b',"max_tokens":5}')
    assert [json.loads(call[1].body)["max_tokens"] for call in money.upstream.calls] == [77, 5]


async def test_every_attempt_holds_and_a_failed_one_costs_nothing() -> None:
    money = MoneyRig(rich(), refuses(500), answers(ANSWER))
    await money.fill(100_000_000)
    before = money.free
    assert (await money.post()).status == 200
    assert [row.cost_nusd for row in money.rig.sink.entries] == [None, COST]
    assert money.free == before - COST


async def test_a_broken_stream_costs_what_was_generated() -> None:
    money = MoneyRig(rich(), streams(say("one"), say("two"), failure=Failure.RESET))
    await money.fill(100_000_000)
    before = money.free
    await money.post(STREAM)
    booked = sum(row.cost_nusd or 0 for row in money.rig.sink.entries)
    assert booked > 0
    assert money.free == before - booked


async def test_when_too_little_is_left_the_caller_is_told_not_to_try_again_and_nothing_is_sent() -> None:
    money = MoneyRig(rich(amount_nusd=1_000), answers(ANSWER))
    await money.fill(1)
    out = await money.post()
    assert (out.status, out.headers[b"x-should-retry"]) == (429, b"false")
    assert json.loads(out.body)["error"]["type"] == "insufficient_quota"
    assert (money.upstream.calls, money.rig.sink.entries) == ([], [])


async def test_when_too_little_is_left_the_models_for_that_answer() -> None:
    money = MoneyRig(rich(amount_nusd=10_000_000), answers(ANSWER), fallbacks=Fallbacks(budget=("small",)))
    await money.fill(1_000_000)
    out = await money.post()
    assert (out.status, out.headers[b"x-turnout-target"]) == (200, b"cheap")
    assert out.headers[b"x-turnout-route-reason"] == b"fallback_budget"


async def test_past_its_share_the_cheaper_model_answers() -> None:
    money = MoneyRig(rich(downgrade_at=0.0001, downgrade_to="small"), answers(ANSWER))
    await money.fill(200_000_000)
    targets = [(await money.post()).headers[b"x-turnout-target"] for _ in range(3)]
    assert targets == [b"remote", b"cheap", b"cheap"]


async def test_a_target_without_a_price_is_refused_unless_that_is_allowed() -> None:
    money = MoneyRig(rich(), answers(ANSWER), target=replace(REMOTE, output_price_pusd=None))
    await money.fill(100_000_000)
    out = await money.post()
    assert out.status == 403
    assert b"no price" in out.body
    money.purses.policy = MoneyPolicy(allows_unpriced=True)
    assert (await money.post()).status == 200


async def test_a_soft_budget_refuses_nothing_and_is_counted() -> None:
    money = MoneyRig(rich(amount_nusd=1, is_hard=False), streams(say("one"), FINISH))
    await money.fill(1)
    assert (await money.post(STREAM)).status == 200
    (row,) = money.rig.sink.entries
    assert row.budgets == ("b",)
    assert "max_tokens" not in json.loads(money.upstream.calls[0][1].body)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_stays_held_whatever_happens(seed: int) -> None:
    rng = random.Random(seed)
    kinds = [answers(ANSWER), refuses(429), refuses(400), streams(say("a"), failure=Failure.RESET)]
    money = MoneyRig(rich(), *(rng.choice(kinds) for _ in range(60)), answers(ANSWER))
    await money.fill(500_000_000)
    for _ in range(30):
        await money.post(rng.choice((CHAT, STREAM)))
    assert money.purses._purses["b"].held == 0
