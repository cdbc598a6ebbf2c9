"""Handlers around the handler of a model server: only some routes exist, answers tell load and token ids, a dead engine refuses."""

from asyncio import Future
from collections.abc import Callable, Mapping

import msgspec

from turnout.models.engine.token_lines import TokenLines, ask_for_ids
from turnout.models.errors import MethodNotAllowed, NoTarget, NotFound, TurnoutError
from turnout.models.exchange import JSON_HEADERS, Handler, Headers, Out, RequestHead
from turnout.models.openai.token_comments import ASK_HEADER
from turnout.models.target import LOAD_HEADER, Load

_GENERATING = frozenset((b"/v1/chat/completions", b"/v1/completions"))


class LoadedOut:
    """An Out whose answer's head says how busy the model server is at that moment."""

    __slots__ = ("_out", "_read_load")

    def __init__(self, out: Out, read_load: Callable[[], Load]) -> None:
        self._out = out
        self._read_load = read_load

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._out.full(status, self._with_load(headers), body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, self._with_load(headers))

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        return self._out.write(chunk)

    def end(self) -> None:
        """See `Out.end`."""
        self._out.end()

    def _with_load(self, headers: Headers) -> Headers:
        return (*headers, (LOAD_HEADER, self._read_load().to_header()))


class TokenCommentsOut:
    """An Out whose stream has the token ids of its events in comment lines; answers in one piece pass as they are."""

    __slots__ = ("_lines", "_out")

    def __init__(self, out: Out) -> None:
        self._out = out
        self._lines = TokenLines()

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Pass whole events on."""
        events = self._lines.feed(chunk)
        return self._out.write(events) if events else None

    def end(self) -> None:
        """Pass on what is left, and the end."""
        rest = self._lines.rest()
        if rest:
            self._out.write(rest)
        self._out.end()


def only_routes(handler: Handler, routes: Mapping[bytes, bytes]) -> Handler:
    """A handler that has these routes (path to method) and no others: 404, or 405 for another method."""

    async def handle(head: RequestHead, body: bytes, out: Out) -> None:
        method = routes.get(head.path)
        if method is None:
            refuse(out, NotFound("no such route"))
        elif method != head.method:
            refuse(out, MethodNotAllowed(f"this route takes {method.decode()}"))
        else:
            await handler(head, body, out)

    return handle


def with_load(handler: Handler, read_load: Callable[[], Load]) -> Handler:
    """A handler whose answers carry `x-turnout-load`."""

    async def handle(head: RequestHead, body: bytes, out: Out) -> None:
        await handler(head, body, LoadedOut(out, read_load))

    return handle


def with_token_comments(handler: Handler) -> Handler:
    """A handler of vLLM's wire that gives a stream's token ids in comment lines to those who ask by `ASK_HEADER`."""
    name, value = ASK_HEADER

    async def handle(head: RequestHead, body: bytes, out: Out) -> None:
        is_asked = head.headers.get(name) == value and head.path in _GENERATING
        asking = ask_for_ids(body) if is_asked else None
        if asking is None:
            await handler(head, body, out)
        else:
            headers = {**head.headers, b"content-length": b"%d" % len(asking)}
            await handler(msgspec.structs.replace(head, headers=headers), asking, TokenCommentsOut(out))

    return handle


def while_alive(handler: Handler, is_alive: Callable[[], bool]) -> Handler:
    """A handler that answers 503 at once when the engine behind it is dead, so that routers go elsewhere before Serve has noticed."""

    async def handle(head: RequestHead, body: bytes, out: Out) -> None:
        if is_alive():
            await handler(head, body, out)
        else:
            refuse(out, NoTarget("the engine of this replica is dead; it is being restarted"))

    return handle


def refuse(out: Out, error: TurnoutError) -> None:
    """Answer with an error, as OpenAI's body."""
    out.full(error.status, JSON_HEADERS, error.to_json())
