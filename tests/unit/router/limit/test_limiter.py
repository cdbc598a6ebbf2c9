"""Limits on the request line: what passes, what waits, what is refused, and what the caller is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest

from tests.fakes import FakeOut, FakeUpstream, answers, refuses, streams
from tests.fakes_loop import run_jumping
from tests.gateways import ANSWER, CHAT, LOCAL, STREAM, Rig, catalogue
from tests.unit.router.limit.calls import Counts, make_call, used
from turnout.models.access import Limit, Principal, Unit
from turnout.models.errors import LimitReached
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.limit.limiter import Limiter, Ticket
from turnout.serve.config.keys import hash_key

RPM = Limit("key:k", Unit.REQUESTS, 3, 60)
TPM = Limit("team:t", Unit.TOKENS, 1000, 60)
SEATS = Limit("key:k", Unit.CONCURRENT, 2)
PATIENT = Retries(max_wait_s=1e6)


def keyed_rig(*limits: Limit, upstream: FakeUpstream | None = None, **route: object) -> Rig:
    config = replace(
        catalogue(LOCAL, **route), keys={hash_key("sk-12345678"): Principal("t", "k", limits=limits)}, is_open=False
    )
    return Rig(upstream or FakeUpstream(answers(ANSWER)), config)


async def ask(rig: Rig, body: bytes = CHAT) -> FakeOut:
    return await rig.post(body, authorization="Bearer sk-12345678", x_turnout_timeout_s="5")


def on_loop(test: Callable[[Limiter, Counts], Awaitable[None]]) -> None:
    async def run() -> None:
        counts = Counts()
        await test(Limiter(counts, asyncio.get_running_loop().time), counts)

    run_jumping(run())


async def test_a_key_over_its_requests_is_told_when_to_come_back() -> None:
    rig = keyed_rig(RPM)
    statuses = [(await ask(rig)).status for _ in range(3)]
    out = await ask(rig)
    assert (statuses, out.status) == ([200, 200, 200], 429)
    error = json.loads(out.body)["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["message"] == "This key's limit of 3 requests a minute is reached; try again in 20 s."
    assert (out.headers[b"retry-after"], out.headers[b"retry-after-ms"]) == (b"20", b"20000")
    assert b"x-should-retry" not in out.headers
    assert out.headers[b"x-ratelimit-remaining-requests"] == b"0"
    rig.clock.advance(20)
    assert (await ask(rig)).status == 200


async def test_answers_say_what_is_left_of_the_tightest_rate() -> None:
    rig = keyed_rig(RPM, Limit("org:o", Unit.REQUESTS, 100, 60), TPM)
    out = await ask(rig)
    told = {name: value for name, value in out.headers.items() if name.startswith(b"x-ratelimit-")}
    assert told == {
        b"x-ratelimit-limit-requests": b"3",
        b"x-ratelimit-remaining-requests": b"2",
        b"x-ratelimit-reset-requests": b"20s",
        b"x-ratelimit-limit-tokens": b"1000",
        b"x-ratelimit-remaining-tokens": told[b"x-ratelimit-remaining-tokens"],
        b"x-ratelimit-reset-tokens": told[b"x-ratelimit-reset-tokens"],
    }
    stream = await ask(
        keyed_rig(RPM, upstream=FakeUpstream(streams(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'))), STREAM
    )
    assert stream.headers[b"x-ratelimit-remaining-requests"] == b"2"


async def test_who_has_no_limits_is_told_nothing_of_any() -> None:
    out = await Rig(FakeUpstream(answers(ANSWER))).post()
    assert not [name for name in out.headers if b"ratelimit" in name]


async def test_a_models_limits_hold_for_everybody() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, limits=(Limit("model:m", Unit.REQUESTS, 1, 60),)))
    assert [(await rig.post(x_turnout_timeout_s="5")).status for _ in range(2)] == [200, 429]


async def test_a_limit_for_one_model_leaves_the_others_alone() -> None:
    rig = keyed_rig(msgspec.structs.replace(RPM, amount=1, model="other"))
    assert [(await ask(rig)).status for _ in range(3)] == [200, 200, 200]


async def test_the_actual_use_takes_the_place_of_the_estimate() -> None:
    rig = keyed_rig(TPM)  # an answer uses 71 tokens, and is taken for 266 before there was one
    remaining = [int((await ask(rig)).headers[b"x-ratelimit-remaining-tokens"]) for _ in range(3)]
    first, second, third = remaining
    assert first - second == pytest.approx(71 - 206, abs=1), "the second estimate goes by the first answer's length"
    assert second - third == 71


async def test_a_request_that_fails_without_an_answer_uses_no_tokens() -> None:
    rig = keyed_rig(TPM, upstream=FakeUpstream(refuses(400), answers(ANSWER)))
    assert (await ask(rig)).status == 400
    out = await ask(rig)
    assert int(out.headers[b"x-ratelimit-remaining-tokens"]) > 700


async def test_a_prompt_over_the_limit_is_a_400_that_names_limit_and_size() -> None:
    rig = keyed_rig(Limit("key:k", Unit.CONTEXT_TOKENS, 5))
    out = await ask(rig)
    error = json.loads(out.body)["error"]
    assert (out.status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")
    assert "5 tokens a prompt" in error["message"]
    assert rig.upstream.calls == []


async def test_an_answer_over_the_limit_is_a_400_and_one_of_unnamed_length_is_bounded_by_it() -> None:
    rig = keyed_rig(Limit("key:k", Unit.OUTPUT_TOKENS, 50), Limit("team:t", Unit.OUTPUT_TOKENS, 40))
    out = await ask(rig, CHAT[:-1] + b',"max_tokens":45}')
    assert out.status == 400
    assert "40 tokens an answer, and max_tokens is 45" in json.loads(out.body)["error"]["message"]
    await ask(rig)
    assert json.loads(rig.upstream.calls[0][1].body)["max_tokens"] == 40
    await ask(rig, CHAT[:-1] + b',"max_tokens":7}')
    assert json.loads(rig.upstream.calls[1][1].body)["max_tokens"] == 7


async def test_a_soft_limit_is_told_of_and_refuses_nothing() -> None:
    rig = keyed_rig(msgspec.structs.replace(RPM, amount=1, is_hard=False))
    outs = [await ask(rig) for _ in range(3)]
    assert [out.status for out in outs] == [200, 200, 200]
    assert [out.headers.get(b"x-turnout-over-soft-limit") for out in outs] == [None, b"key requests", b"key requests"]
    assert b"x-ratelimit-limit-requests" not in outs[0].headers


def test_near_a_limit_requests_wait_their_turn() -> None:
    async def test(limiter: Limiter, counts: Counts) -> None:
        loop, entered = asyncio.get_running_loop(), list[float]()

        async def one() -> None:
            async with limiter.ticket(make_call(RPM)):
                entered.append(loop.time() - 1000)

        await asyncio.gather(*(one() for _ in range(6)))
        assert entered == pytest.approx([0, 0, 0, 20, 40, 60])
        assert counts.waits == pytest.approx([20, 40, 60])
        assert counts.limited_ == [("key", "requests", "waited")] * 3

    on_loop(test)


def test_better_priority_goes_first_and_equals_by_arrival() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        entered: list[str] = []

        async def one(name: str, priority: int) -> None:
            async with limiter.ticket(make_call(msgspec.structs.replace(RPM, amount=1), priority=priority)):
                entered.append(name)

        await asyncio.gather(one("first", 9), one("b", 1), one("c", 1), one("a", 0))
        assert entered == ["first", "a", "b", "c"]

    on_loop(test)


def test_a_wait_that_is_too_long_is_refused_at_once_with_the_true_time() -> None:
    async def test(limiter: Limiter, counts: Counts) -> None:
        loop = asyncio.get_running_loop()
        route = ModelRoute("m", (LOCAL,), retries=Retries(max_wait_s=30))
        waiting = [asyncio.ensure_future(_pass(limiter.ticket(make_call(RPM, route=route)))) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(LimitReached) as caught:
            await _pass(limiter.ticket(make_call(RPM, route=route)))
        assert caught.value.retry_after_s == pytest.approx(40), "the fifth is refused, so one is ahead"
        assert loop.time() == 1000
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(each, LimitReached) for each in done] == [False, False, False, False, True]
        assert counts.limited_.count(("key", "requests", "refused")) == 2

    on_loop(test)


def test_a_deadline_before_the_turn_is_refused_at_once() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        for _ in range(3):
            await _pass(limiter.ticket(make_call(RPM)))
        with pytest.raises(LimitReached):
            await _pass(limiter.ticket(make_call(RPM, deadline_at=1019)))
        await _pass(limiter.ticket(make_call(RPM, deadline_at=1021)))
        assert asyncio.get_running_loop().time() == pytest.approx(1020)

    on_loop(test)


def test_seats_are_given_back_whatever_happens() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        async def hold(seconds: float, *, fails: bool = False) -> None:
            async with limiter.ticket(make_call(SEATS)):
                await asyncio.sleep(seconds)
                if fails:
                    raise ZeroDivisionError

        first, second = asyncio.ensure_future(hold(100)), asyncio.ensure_future(hold(5, fails=True))
        third, fourth = asyncio.ensure_future(hold(1)), asyncio.ensure_future(hold(1))
        await asyncio.sleep(1)
        fourth.cancel()
        first.cancel()
        await asyncio.wait((first, second, third, fourth))
        assert asyncio.get_running_loop().time() == pytest.approx(1005)
        async with limiter.ticket(make_call(SEATS)), limiter.ticket(make_call(SEATS)):
            pass

    on_loop(test)


def test_a_request_that_gives_up_in_one_line_gives_back_what_it_took_in_another() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        async with limiter.ticket(make_call(SEATS, RPM)), limiter.ticket(make_call(SEATS, RPM)):
            waiting = asyncio.ensure_future(_pass(limiter.ticket(make_call(SEATS, RPM))))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait((waiting,))
        ticket = limiter.ticket(make_call(SEATS, RPM))
        async with ticket:
            assert (b"x-ratelimit-remaining-requests", b"0") in ticket.call.limit_headers
        assert asyncio.get_running_loop().time() == 1000

    on_loop(test)


def test_what_was_used_beyond_the_estimate_is_a_debt() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        async def use(tokens: int) -> float:
            ticket = limiter.ticket(make_call(TPM, asks=90))
            async with ticket:
                ticket.settle(used(tokens))
            return asyncio.get_running_loop().time() - 1000

        assert await use(2000) == 0
        assert await use(100) == pytest.approx((2000 - 1000 + 100) * 60 / 1000)

    on_loop(test)


def test_more_than_a_whole_bucket_passes_when_it_is_full_and_leaves_a_debt() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        loop = asyncio.get_running_loop()
        for at in (0, 180, 360):
            ticket = limiter.ticket(make_call(TPM, asks=2990))
            async with ticket:
                ticket.settle(used(3000))
                assert loop.time() - 1000 == pytest.approx(at)

    on_loop(test)


def test_counts_that_nobody_uses_any_more_are_forgotten() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        async with limiter.ticket(make_call(SEATS)):
            for number in range(2000):
                limit = Limit(f"key:{number}", Unit.REQUESTS, 10, 60)
                await _pass(limiter.ticket(make_call(limit, key=str(number))))
            assert len(limiter) == 2001
            for _ in range(30):
                await asyncio.sleep(10)
                await _pass(limiter.ticket(make_call(RPM, key="other")))
            assert len(limiter) == 2, "the seat that is taken, and the one in use"

    on_loop(test)


def test_a_changed_amount_keeps_what_was_used() -> None:
    async def test(limiter: Limiter, _: Counts) -> None:
        for _ in range(3):
            await _pass(limiter.ticket(make_call(RPM)))
        ticket = limiter.ticket(make_call(msgspec.structs.replace(RPM, amount=10)))
        async with ticket:
            assert (b"x-ratelimit-remaining-requests", b"6") in ticket.call.limit_headers

    on_loop(test)


async def _pass(ticket: Ticket) -> None:
    async with ticket:
        pass


async def test_limits_show_in_metrics_by_kind_only() -> None:
    rig = keyed_rig(msgspec.structs.replace(RPM, amount=1))
    await ask(rig)
    await ask(rig)
    samples = [
        sample for family in rig.observer.collect() if family.name == "turnout_limited" for sample in family.samples
    ]
    assert [(sample.labels, sample.value) for sample in samples] == [
        ({"bucket_kind": "key", "unit": "requests", "action": "refused"}, 1.0)
    ]
