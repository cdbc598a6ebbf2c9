"""The load client in Python, for machines without a C compiler and for TLS: same arguments, same JSON as `client.c`, at a multiple of its cost."""

import argparse
import asyncio
import collections
import resource
import signal
import ssl
import time
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop

from turnout.benchmarks.load.plan import Failure, LoadResult, Summary

LATE_NS = 1_000_000
REFUSED_PAUSE_S = 0.01
MOST_FAILURES = 1000


class Tally:
    """What happened so far; owned by one `Run`."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.last_bad_status = 0
        self.failures: list[Failure] = []
        self.latency: list[int] = []
        self.ttft: list[int] = []
        self.gap: list[int] = []
        self.transit: list[int] = []

    def fail(self, kind: str, connection: "Connection", status: int = 0) -> None:
        self.counts[kind] += 1
        if kind == "status":
            self.last_bad_status = status
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(
                Failure(kind, status, connection.opened_ns, connection.planned_ns, time.monotonic_ns())
            )


class Connection(asyncio.Protocol):
    """One TCP connection, from its opening to its close: sends the request, reads the answers, tells the run."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.transport: asyncio.Transport | None = None
        self.is_busy = self.is_kept = False
        self.opened_ns = self.planned_ns = self.last_event_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has no base class of asyncio's

    def begin(self, planned_ns: int) -> None:
        self.is_busy, self.planned_ns, self.last_event_ns = True, planned_ns, planned_ns
        self.parser = httptools.HttpResponseParser(self)
        self.body, self.line, self.events, self.is_stream, self.is_complete = bytearray(), b"", 0, False, False
        if self.transport is not None:
            self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        if not self.is_busy or self.transport is None:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()
            return
        if self.is_complete:
            self._judge_answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type" and b"text/event-stream" in value:
            self.is_stream = True

    def on_body(self, piece: bytes) -> None:
        self.body += piece
        if self.is_stream:
            self._read_events(piece)

    def on_message_complete(self) -> None:
        self.is_complete, self.is_kept = True, self.parser.should_keep_alive()  # the parser forgets it afterwards

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.transport = None
        if self.is_busy:
            self.is_busy = False
            self.run.tally.fail("lost", self)
            self.run.release(self, Connection(self.run))

    def _read_events(self, piece: bytes) -> None:
        now, tally = time.monotonic_ns(), self.run.tally
        *lines, self.line = (self.line + piece).split(b"\n")
        for line in lines:
            data = line[5:].strip()
            if not line.startswith(b"data:") or data == b"[DONE]":
                continue
            (tally.gap if self.events else tally.ttft).append(now - self.last_event_ns)
            self.events, self.last_event_ns = self.events + 1, now
            tally.counts["events"] += 1
            _, stamp, after = data.partition(b"@T")
            if stamp:
                tally.transit.append(now - int(after.split(b" ", 1)[0]))

    def _judge_answer(self) -> None:
        tally, status = self.run.tally, self.parser.get_status_code()
        self.is_busy = False
        if status != 200:
            tally.fail("status", self, status)
        elif self.run.expected not in self.body:
            tally.fail("body", self, status)
        else:
            tally.counts["ok"] += 1
            tally.counts["streams"] += self.is_stream
            tally.latency.append(time.monotonic_ns() - self.planned_ns)
        if not self.is_kept and self.transport is not None:
            tally.counts["reconnects"] += 1
            self.transport.close()
        self.run.release(self, self if self.is_kept else Connection(self.run))


class Run:
    """One run of a plan: gives requests to idle connections when they are due."""

    def __init__(self, options: argparse.Namespace, request: bytes) -> None:
        self.options = options
        self.request = request
        self.expected = options.expected.encode()
        self.tally = Tally()
        self.idle = [Connection(self) for _ in range(options.connections)]
        self.busy: set[Connection] = set()
        self.begun = 0
        self.started_ns = time.monotonic_ns()
        self.last_send_ns = self.started_ns + int(options.duration * 1e9)
        self.give_up_ns = (self.started_ns if options.requests else self.last_send_ns) + int(options.give_up * 1e9)
        self.is_stopping = False
        self.wake = asyncio.Event()
        self.opening: set[asyncio.Task[None]] = set()

    def release(self, connection: Connection, successor: Connection) -> None:
        self.busy.discard(connection)
        self.idle.append(successor)
        if not self.options.rate:
            self.begin_due()
        if self.options.rate or not self.busy:
            self.wake.set()

    def due_ns(self) -> int:
        return self.started_ns + int(self.begun * 1e9 / self.options.rate) if self.options.rate else self.started_ns

    def stop_sending(self) -> None:
        """What was sent is still waited for."""
        self.is_stopping = True
        self.give_up_ns = time.monotonic_ns() + int(self.options.give_up * 1e9)
        self.wake.set()

    def all_begun(self) -> bool:
        if self.is_stopping:
            return True
        if self.options.requests:
            return bool(self.begun >= self.options.requests)
        return self.due_ns() >= self.last_send_ns if self.options.rate else time.monotonic_ns() >= self.last_send_ns

    def begin_due(self) -> None:
        while self.idle and not self.all_begun() and self.due_ns() <= time.monotonic_ns():
            connection, now = self.idle.pop(), time.monotonic_ns()
            planned = self.due_ns() if self.options.rate else now
            self.tally.counts["late"] += now - planned > LATE_NS
            self.begun += 1
            if connection.transport is None or connection.transport.is_closing():
                connection = Connection(self)
                self.opening = {task for task in self.opening if not task.done()}
                self.opening.add(asyncio.get_running_loop().create_task(self.open(connection)))
            self.busy.add(connection)
            connection.begin(planned)

    async def open(self, connection: Connection) -> None:
        connection.opened_ns = time.monotonic_ns()
        tls = ssl.create_default_context() if self.options.tls else None
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(
                lambda: connection, self.options.host, self.options.port, ssl=tls
            )
        except OSError:
            connection.is_busy = False
            self.tally.fail("refused", connection)
            await asyncio.sleep(REFUSED_PAUSE_S)
            self.release(connection, connection)
        else:
            transport.write(self.request)

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop_sending)
        while (now := time.monotonic_ns()) < self.give_up_ns:
            self.begin_due()
            if not self.busy and self.all_begun():
                break
            until_ns = (
                self.give_up_ns if self.all_begun() or not self.idle else min(self.give_up_ns, max(self.due_ns(), now))
            )
            self.wake.clear()
            try:
                await asyncio.wait_for(self.wake.wait(), (until_ns - now) / 1e9)
            except TimeoutError:
                continue
        for task in self.opening:
            task.cancel()

    def report(self) -> LoadResult:
        elapsed_s = (time.monotonic_ns() - self.started_ns) / 1e9
        tally, options = self.tally, self.options
        for connection in self.busy:
            tally.fail("stuck", connection)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        counts = tally.counts
        return LoadResult(
            client="python", connections=options.connections, elapsed_s=elapsed_s, sent=self.begun, ok=counts["ok"], rps=counts["ok"] / elapsed_s,
            bad_status=counts["status"], last_bad_status=tally.last_bad_status, bad_body=counts["body"], lost=counts["lost"],
            refused=counts["refused"], stuck=counts["stuck"], reconnects=counts["reconnects"], late=counts["late"], streams=counts["streams"],
            events=counts["events"], events_per_s=counts["events"] / elapsed_s, own_cpu_s=usage.ru_utime + usage.ru_stime, failures=tally.failures,
            latency=summarise(tally.latency), ttft=summarise(tally.ttft), gap=summarise(tally.gap), transit=summarise(tally.transit),
            latency_samples_us=[ns / 1e3 for ns in tally.latency[: options.raw_samples]],
            ttft_samples_us=[ns / 1e3 for ns in tally.ttft[: options.raw_samples]],
        )  # fmt: skip


def summarise(times_ns: list[int]) -> Summary | None:
    """Percentiles in microseconds by the nearest rank below, as `samples.c` takes them; None without times."""
    if not times_ns:
        return None
    ordered = sorted(times_ns)
    at = [ordered[int((len(ordered) - 1) * share)] / 1e3 for share in (0.5, 0.9, 0.99, 0.999, 1.0)]
    return Summary(len(ordered), sum(ordered) / len(ordered) / 1e3, *at)


def build_request(options: argparse.Namespace) -> bytes:
    """The bytes that every request consists of."""
    body = Path(options.body).read_bytes()
    host = f"[{options.host}]" if ":" in options.host else options.host
    lines = [
        f"POST {options.path} HTTP/1.1",
        f"Host: {host}:{options.port}",
        "Content-Type: application/json",
        *options.header,
    ]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The letters of `client.c`, and -T for TLS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-a", dest="host", default="127.0.0.1")
    parser.add_argument("-p", dest="port", type=int, required=True)
    parser.add_argument("-P", dest="path", default="/v1/chat/completions")
    parser.add_argument("-b", dest="body", required=True)
    parser.add_argument("-c", dest="connections", type=int, default=1)
    parser.add_argument("-d", dest="duration", type=float, default=3.0)
    parser.add_argument("-n", dest="requests", type=int, default=0)
    parser.add_argument("-R", dest="rate", type=float, default=0.0)
    parser.add_argument("-H", dest="header", action="append", default=[])
    parser.add_argument("-e", dest="expected", default="")
    parser.add_argument("-t", dest="give_up", type=float, default=10.0)
    parser.add_argument("-s", dest="raw_samples", type=int, default=0)
    parser.add_argument("-T", dest="tls", action="store_true")
    return parser.parse_args(arguments)


async def run_plan(options: argparse.Namespace) -> LoadResult:
    """Runs what the arguments ask for."""
    run = Run(options, build_request(options))
    await run.run()
    return run.report()


def main(arguments: list[str] | None = None) -> int:
    """Prints one JSON object."""
    result = uvloop.run(run_plan(parse_arguments(arguments)))
    print(msgspec.json.encode(result).decode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
