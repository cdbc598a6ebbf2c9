"""Clients of quiet streams hear something in time, and nobody else does."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeClock, FakeOut
from turnout.router.execute.heartbeats import TICK_S, Heartbeats
from turnout.router.stream import HEARTBEAT, Reply


class TimedOut(FakeOut):
    """An Out that notes when it was written to."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.times: list[float] = []

    def write(self, chunk: bytes) -> None:
        super().write(chunk)
        self.times.append(self.clock.now())


def make() -> tuple[FakeClock, Heartbeats, TimedOut, Reply]:
    clock = FakeClock()
    out = TimedOut(clock)
    return clock, Heartbeats(clock.call_later, clock.now), out, Reply(out, clock.now)


def test_a_quiet_stream_gets_a_comment_each_time_that_it_has_been_quiet_for_so_long() -> None:
    clock, beats, out, reply = make()
    with beats.watch(reply, b"req-1", 15.0):
        clock.advance(14.9)
        assert (out.status, out.chunks) == (0, [])
        clock.advance(46.0)
    assert out.body == HEARTBEAT * 4
    assert (out.status, out.headers[b"x-request-id"]) == (200, b"req-1")
    clock.advance(100.0)
    assert len(out.chunks) == 4
    assert repr(beats) == "<Heartbeats 0 streams>"


def test_a_stream_that_moves_gets_none() -> None:
    clock, beats, out, reply = make()
    with beats.watch(reply, b"req-1", 1.0):
        for _ in range(100):
            clock.advance(0.9)
            reply.has_moved = True
    assert out.chunks == []


def test_nothing_ticks_while_there_are_no_streams() -> None:
    clock, beats, _, reply = make()
    for _ in range(3):
        with beats.watch(reply, b"req-1", 15.0):
            clock.advance(1.0)
        clock.advance(2 * TICK_S)
        assert not clock._due


def test_one_clients_fault_does_not_silence_the_others() -> None:
    clock, beats, out, reply = make()

    class Broken(FakeOut):
        def write(self, chunk: bytes) -> None:
            raise RuntimeError("a guard's mistake")

    broken = Reply(Broken(), clock.now)
    with beats.watch(broken, b"x", 1.0), beats.watch(reply, b"req-1", 1.0):
        for _ in range(40):
            try:
                clock.advance(TICK_S)
            except RuntimeError:
                continue
    assert len(out.chunks) >= 4


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), after_s=st.sampled_from([0.5, 2.0, 15.0]))
def test_no_client_hears_nothing_for_longer_than_that_and_a_tick_or_two(seed: int, after_s: float) -> None:
    chance = random.Random(seed)
    clock, beats, out, reply = make()
    began = clock.now()
    with beats.watch(reply, b"req-1", after_s):
        for _ in range(50):
            clock.advance(chance.expovariate(1 / after_s))
            if reply.is_head_sent and chance.random() < 0.7:
                out.write(b"data: x\n\n")
                reply.has_moved = True
        ended = clock.now()
    times = [began, *out.times, ended]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= after_s + 2 * TICK_S + 1e-6
