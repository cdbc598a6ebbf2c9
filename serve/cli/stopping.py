"""Stops a cluster that `serve run` holds: the router first, so that streams end whole, then the rest."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.screen import Progress, Row, count
from turnout.serve.cli.serve_api import ServeApi

SERVE_STOPS_S = 45.0
"""`serve run` gives Serve 30 s after SIGINT (a constant of Ray 2.60: `ServeControllerClient.shutdown`), then ends Ray."""
CUT_S = 1.0
"""By then Serve has heard of the SIGINT, also on a Ray cluster that isn't ours; SIGTERM ends `serve run` without waiting for it."""
KILLED_S = 10.0


class Process(Protocol):
    """What holds the cluster."""

    def is_alive(self) -> bool:
        """Whether it still runs."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Clockwork:
    """
    Time, and who may hurry us.

    Attributes:
        now: monotonic seconds.
        sleep: waits so many seconds.
        interrupts: how often ctrl-C was pressed.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    interrupts: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Drain:
    """
    How to let requests finish.

    Attributes:
        api: of Serve, or None where there's no dashboard: streams then have Serve's 30 s.
        router: the application that holds the requests.
        drain_s: how long they may take.
        count: requests in flight, or None if nobody knows.
    """

    api: ServeApi | None
    router: str
    drain_s: float
    count: Callable[[], int | None]


def stop(process: Process, drain: Drain, clock: Clockwork, progress: Progress) -> bool:
    """
    End the cluster. One more interrupt than at the call cuts what is in flight.

    Ray's own way (SIGINT to `serve run`) cuts after 30 s whatever the applications ask for; removing the router's application first gives requests
    the drain time of the cluster file.

    Returns:
        Whether requests could finish: False if they were cut.
    """
    pressed, began_at = clock.interrupts(), clock.now()

    def is_cut() -> bool:
        return clock.interrupts() > pressed

    if drain.api is not None:
        _drain(process, drain, clock, progress, is_cut)
    process.send(signal.SIGINT)

    def show() -> None:
        progress.show([Row("cluster", "working", "stopping (ctrl-C again: at once)")], clock.now() - began_at)

    if not _wait(lambda: not process.is_alive(), SERVE_STOPS_S, clock, is_cut, show):
        clock.sleep(CUT_S)
        process.send(signal.SIGTERM)
        if not _wait(lambda: not process.is_alive(), KILLED_S, clock, lambda: False, show):
            process.send(signal.SIGKILL)  # Ray's processes die with the one that started them
    end = (
        Row("cluster", "failed", "stopped; what was in flight was cut")
        if is_cut()
        else Row("cluster", "done", "stopped")
    )
    progress.show([end], clock.now() - began_at)
    return not is_cut()


def _drain(process: Process, drain: Drain, clock: Clockwork, progress: Progress, is_cut: Callable[[], bool]) -> None:
    assert drain.api is not None
    api, began_at = drain.api, clock.now()
    try:
        api.remove(drain.router)
    except Refusal:  # no Serve yet, or no dashboard any more: SIGINT is what's left
        return

    def show() -> None:
        left = drain.count()
        requests = "requests may finish" if left is None else f"{count(left, 'request')} left"
        progress.show([Row("cluster", "working", f"draining, {requests} (ctrl-C again: cut)")], clock.now() - began_at)

    def is_drained() -> bool:
        details = api.try_read()
        return not process.is_alive() or (details is not None and drain.router not in details.applications)

    _wait(is_drained, drain.drain_s + KILLED_S, clock, is_cut, show)


def _wait(
    is_over: Callable[[], bool],
    longest_s: float,
    clock: Clockwork,
    is_cut: Callable[[], bool],
    show: Callable[[], None],
) -> bool:
    """Poll until `is_over`; False when time is up or somebody cut it short."""
    end_at = clock.now() + longest_s
    while not is_over():
        if is_cut() or clock.now() >= end_at:
            return False
        show()
        clock.sleep(0.2)
    return True
