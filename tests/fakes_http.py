"""A real small HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Asked:
    """One request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeHttp:
    """
    Use as a context manager; `answers` may be changed while it runs.

    Attributes:
        wanted_port: 0 takes any.
        answers: by `METHOD /path`: an answer, or what makes one of the request.
        asked: every request, in order.
    """

    wanted_port: int = 0
    answers: dict[str, Answer | Callable[[Asked], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> "FakeHttp":
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                fake.asked.append(asked)
                found = fake.answers.get(f"{self.command} {self.path}", (404, {}, b"{}"))
                status, headers, content = found(asked) if callable(found) else found
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # the names that http.server calls

            def log_message(self, *args: Any) -> None:
                """Standard error belongs to the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.wanted_port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def json_answer(content: Any, status: int = 200, **headers: str) -> Answer:
    """An answer with a JSON body."""
    return status, {"content-type": "application/json", **headers}, json.dumps(content).encode()
