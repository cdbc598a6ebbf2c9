"""
Sends every hostile request to Turnout's edge, and to uvicorn and nginx for comparison, and prints who answers what.

    python -m turnout.benchmarks.hostile            # Turnout, uvicorn, and nginx if it's installed
    python -m turnout.benchmarks.hostile --url http://10.0.0.7:8000

Each request has a connection of its own on which the server has 3 s. Turnout's edge runs here with limits of 1,000 bytes of body
and 1 s for heads and bodies; uvicorn as it comes; nginx with the same limits, in front of uvicorn.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from turnout.benchmarks.hostile_requests import ALL, BODY_BYTES, HostileRequest
from turnout.models.exchange import Out, RequestHead
from turnout.serve.edge.config import EdgeConfig, EdgeLimits
from turnout.serve.edge.edge import Edge

WAIT_S = 3.0
KEPT_S = 0.2
LIMITS = EdgeLimits(header_s=1.0, body_gap_s=1.0, body_bytes=BODY_BYTES, sweep_s=0.1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a server did.

    Attributes:
        statuses: of all its answers, in order.
        is_closed: whether it ended the connection.
    """

    statuses: tuple[int, ...]
    is_closed: bool

    def __str__(self) -> str:
        answers = ", ".join(map(str, self.statuses)) or "no answer"
        return f"{answers}, closed" if self.is_closed else f"{answers}, open"


async def probe(host: str, port: int, data: bytes, wait_s: float = WAIT_S) -> Verdict:
    """Send `data` on a new connection and see what comes until the server closes, or `wait_s` have passed."""
    reader, writer = await asyncio.open_connection(host, port)
    received = bytearray()
    is_closed = True
    try:
        async with asyncio.timeout(wait_s):
            writer.write(data)
            while piece := await reader.read(65_536):
                received += piece
                if received.endswith(b"\r\n\r\nok"):
                    is_closed = await _ends_within(reader, KEPT_S, received)
                    break
    except TimeoutError:
        is_closed = False
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    return Verdict(_statuses(bytes(received)), is_closed)


async def answer_ok(head: RequestHead, body: bytes, out: Out) -> None:  # noqa: ARG001 (a Handler)
    """The handler behind Turnout's edge."""
    out.full(200, ((b"content-type", b"text/plain"),), b"ok")


async def app_ok(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The application behind uvicorn: reads the body and answers."""
    while scope["type"] == "http" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="ask this server only")
    url = parser.parse_args().url
    asyncio.run(_ask_one(url) if url else _compare())


async def _ask_one(url: str) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    _print_table([parts.netloc], [[await probe(host, port, each.data)] for each in ALL])


async def _compare() -> None:
    async with contextlib.AsyncExitStack() as stack:
        edge = await stack.enter_async_context(Edge(answer_ok, EdgeConfig("127.0.0.1", 0, LIMITS)))
        uvicorn_port = await stack.enter_async_context(_uvicorn())
        servers = [(f"Turnout {version('turnout')}", edge.port), (f"uvicorn {version('uvicorn')}", uvicorn_port)]
        if nginx := shutil.which("nginx"):
            servers.append(("nginx", await stack.enter_async_context(_nginx(nginx, uvicorn_port))))
        rows = [await asyncio.gather(*(probe("127.0.0.1", port, each.data) for _, port in servers)) for each in ALL]
    _print_table([name for name, _ in servers], rows)


def _print_table(names: Sequence[str], rows: Sequence[Sequence[Verdict]]) -> None:
    print(f"| request | expected | {' | '.join(names)} |")
    print("|---|---|" + "---|" * len(names))
    for each, verdicts in zip(ALL, rows, strict=True):
        print(f"| {each.name} | {_expectation(each)} | {' | '.join(map(str, verdicts))} |")


def _expectation(request: HostileRequest) -> str:
    return "200" if request.expected == 200 else f"{request.expected}, closed"


async def _ends_within(reader: asyncio.StreamReader, seconds: float, received: bytearray) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while piece := await reader.read(65_536):
                received += piece
    except TimeoutError:
        return False
    return True


def _statuses(received: bytes) -> tuple[int, ...]:
    return tuple(int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit())


@contextlib.asynccontextmanager
async def _uvicorn() -> AsyncGenerator[int, None]:
    import uvicorn

    config = uvicorn.Config(app_ok, lifespan="off", log_level="critical", http="httptools")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve([sock]))
        try:
            yield int(sock.getsockname()[1])
        finally:
            server.force_exit = server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def _nginx(program: str, upstream: int) -> AsyncGenerator[int, None]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(_nginx_config(folder, port, upstream))
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), "-p", folder, "-e", os.devnull, "-g", "daemon off; master_process off;"
        )
        try:
            await _listens(port)
            yield port
        finally:
            process.terminate()
            await process.wait()


async def _listens(port: int) -> None:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                return
            await asyncio.sleep(0.02)


def _nginx_config(folder: str, port: int, upstream: int) -> str:
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
        pid {folder}/pid; events {{}} http {{ access_log off; {paths}
        large_client_header_buffers 4 8k; client_header_timeout 1s; client_body_timeout 1s; client_max_body_size {BODY_BYTES};
        server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }} }}"""


if __name__ == "__main__":
    main()
