"""Where a request stands among others: in the line of its model, and in the queue of an engine."""

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from tests.fakes import FakeOut, FakeUpstream, answers
from tests.gateways import ANSWER, CHAT, LOCAL, Rig, catalogue
from turnout.models.access import Principal
from turnout.models.exchange import Out
from turnout.models.target import Endpoint
from turnout.models.upstream import Outcome, UpstreamRequest

KEYS = {name: hashlib.blake2b(name.encode(), digest_size=32).digest() for name in ("ann", "bob", "eve")}


def rig_of(upstream: FakeUpstream, *principals: Principal, **route: object) -> Rig:
    """A gateway that knows these principals by their ids as keys."""
    config = replace(catalogue(LOCAL, **route), keys={KEYS[each.key_id]: each for each in principals})
    rig = Rig(upstream, config)
    rig.gateway.catalogue = config
    return rig


async def sent(rig: Rig, body: bytes = CHAT, **headers: str) -> dict[str, object]:
    """What went upstream for one request of `ann`."""
    out = await rig.post(body, authorization="Bearer ann", **headers)
    assert out.status == 200
    told: dict[str, object] = json.loads(rig.upstream.calls[-1][1].body)
    return told


@pytest.mark.parametrize(
    ("own", "asked", "told"), [(0, None, 0), (-5, None, -5), (-5, "10", 5), (0, "-50", 0), (5000, None, 1000)]
)
async def test_an_engine_that_orders_by_priority_is_told_it(own: int, asked: str | None, told: int) -> None:
    rig = rig_of(FakeUpstream(answers(ANSWER)), Principal("t", "ann", priority=own))
    rig.fleet.set_pool("pool", (Endpoint("a", "a", 1, heeds_priority=True),))
    headers = {} if asked is None else {"x_turnout_priority": asked}
    assert (await sent(rig, **headers))["priority"] == told


async def test_no_other_engine_is_told_a_priority_that_it_would_refuse() -> None:
    rig = rig_of(FakeUpstream(answers(ANSWER)), Principal("t", "ann", priority=-5))
    assert "priority" not in await sent(rig, CHAT.replace(b"{", b'{"priority":7,', 1))


class Turns:
    """An upstream that answers when it's told to, remembers whom it was asked for, and counts 10,000 tokens for who is `long`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Semaphore(0)

    async def __call__(self, endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        name = json.loads(request.body)["user"]
        self.asked.append(name)
        await self.go.acquire()
        answer = ANSWER.replace(b'"completion_tokens":50', b'"completion_tokens":10000') if name == "long" else ANSWER
        return await answers(answer)(endpoint, request, out)


async def take_turns(asking: str, *principals: Principal) -> list[str]:
    """The order in which requests come to run, one at a time, if they come in this order; each is written as KEY:NAME."""
    turns = Turns()
    rig = rig_of(FakeUpstream(turns), *principals, max_in_flight=1)
    rig.clock.at_s = asyncio.get_running_loop().time()
    tasks: list[asyncio.Task[FakeOut]] = []
    for each in asking.split():
        key, _, name = each.partition(":")
        body = CHAT.replace(b"{", b'{"user":"%s",' % name.encode(), 1)
        tasks.append(asyncio.create_task(rig.post(body, authorization=f"Bearer {key}")))
        await asyncio.sleep(0)
    for _ in tasks:
        turns.go.release()
    await asyncio.gather(*tasks)
    return turns.asked


async def test_tenants_take_turns_in_the_line_of_a_model() -> None:
    asking = "ann:a1 ann:a2 ann:a3 ann:a4 bob:b1 bob:b2"
    order = await take_turns(asking, Principal("acme", "ann"), Principal("other", "bob"))
    assert order == ["a1", "a2", "b1", "a3", "b2", "a4"]


async def test_a_key_of_better_priority_goes_first_and_two_keys_of_a_tenant_share_its_turns() -> None:
    keys = Principal("acme", "ann"), Principal("acme", "bob"), Principal("acme", "eve", priority=-1)
    assert await take_turns("ann:a1 ann:a2 bob:b1 eve:e1", *keys) == ["a1", "e1", "a2", "b1"]


async def test_a_tenant_pays_with_its_next_turns_for_answers_that_were_longer_than_thought() -> None:
    asking = "ann:a1 ann:long ann:a3" + 6 * " bob:b"
    order = await take_turns(asking, Principal("acme", "ann"), Principal("other", "bob"))
    assert order == ["a1", "long", *6 * ["b"], "a3"]
