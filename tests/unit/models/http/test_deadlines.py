"""The tick: runs while something is under way, and doesn't blame others for its own lateness."""

from collections.abc import Callable

from turnout.models.http.deadlines import TICK_S, Deadlines


class FakeTimer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeLoop:
    """A loop whose time moves when told to."""

    def __init__(self) -> None:
        self.at_s = 100.0
        self.due: Callable[[], None] | None = None

    def time(self) -> float:
        return self.at_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> FakeTimer:
        assert delay_s == TICK_S
        assert self.due is None, "two ticks at once"
        self.due = callback
        return FakeTimer()

    def run(self, after_s: float) -> None:
        self.at_s += after_s
        callback, self.due = self.due, None
        assert callback is not None
        callback()


class FakeConnection:
    def __init__(self) -> None:
        self.asked_at: list[float] = []

    def stop_if_overdue(self, relay: object, now: float) -> None:
        del relay
        self.asked_at.append(now)


def test_the_tick_runs_only_while_something_is_watched() -> None:
    loop, connection = FakeLoop(), FakeConnection()
    deadlines, relay = Deadlines(loop), object()
    assert loop.due is None
    deadlines.watch(relay, connection)
    loop.run(TICK_S)
    assert connection.asked_at == [100.0 + TICK_S]
    deadlines.unwatch(relay)
    loop.run(TICK_S)
    assert loop.due is None
    assert len(connection.asked_at) == 1


def test_a_late_tick_gives_unread_answers_one_more_turn() -> None:
    loop, connection = FakeLoop(), FakeConnection()
    Deadlines(loop).watch(object(), connection)
    loop.run(5.0)
    assert connection.asked_at == []
    loop.run(TICK_S)
    assert len(connection.asked_at) == 1
