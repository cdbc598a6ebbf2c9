"""A decided reply put into an Out, at its pace and with its fault."""

import math
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from typing import Any, Protocol, runtime_checkable

import msgspec

from turnout.models.exchange import JSON_HEADERS, Headers, Out
from turnout.serve.mock.reply import Reply
from turnout.serve.mock.script import Fault
from turnout.serve.mock.shapes import DONE, Shape, encode_event, encode_fault

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""


@runtime_checkable
class Resettable(Protocol):
    """An `Out` that can break its connection off."""

    def reset(self) -> None:
        """Send an RST in place of the rest."""
        ...


_EVENT_HEADERS: Headers = ((b"content-type", b"text/event-stream"),)
_BROKEN_EVENT = b'data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","choices":[{"index":0,"del\n\n'
_ERROR: dict[str, Any] = {
    "error": {"message": "scripted error in the stream", "type": "server_error", "param": None, "code": None}
}


async def play(reply: Reply, shape: Shape, is_stream: bool, out: Out, pause: Pause) -> int:
    """
    Send `reply` as `shape` says it; returns the status sent, or 0 if nothing was.

    A scripted close returns without the end of the answer, upon which the edge closes the connection. A reset asks for an RST by the out's own
    `reset`, which the edge's has; behind an `Out` without one it's a close.
    """
    fault = reply.fault
    await pause(reply.ttft_s)
    if fault is not None and fault.do in {"status", "context_length", "content_filter"}:
        status, body = encode_fault(fault)
        out.full(status, [*JSON_HEADERS, *_retry_headers(fault)], body)
        return status
    if fault is not None and fault.after_tokens == 0:
        if fault.do in {"reset", "close"}:
            _break_off(fault, out)
            return 0
        if fault.do == "stall":
            await pause(fault.stall_s)
            fault = None
    if is_stream:
        await _play_stream(reply, shape, fault, out, pause)
    else:
        await _play_whole(reply, shape, fault, out, pause)
    return 200


async def _play_whole(reply: Reply, shape: Shape, fault: Fault | None, out: Out, pause: Pause) -> None:
    await pause(reply.gap_s * max(reply.completion_tokens - 1, 0))
    body = msgspec.json.encode(shape.whole())
    half = len(body) // 2
    match fault.do if fault else None:
        case "stall" if fault:
            out.start(200, JSON_HEADERS)
            await _write(out, body[:half])
            await pause(fault.stall_s)
            await _write(out, body[half:])
            out.end()
            return
        case "reset" | "close" | "no_done" if fault:
            out.start(200, JSON_HEADERS)
            await _write(out, body if fault.do == "no_done" else body[:half])
            _break_off(fault, out)
            return
        case "cut" | "malformed":
            body = body[:half]
        case "error_event":
            body = msgspec.json.encode(_ERROR)
        case _:
            pass
    out.full(200, JSON_HEADERS, body)


async def _play_stream(reply: Reply, shape: Shape, fault: Fault | None, out: Out, pause: Pause) -> None:
    out.start(200, _EVENT_HEADERS)
    for chunk in shape.opening():
        await _write(out, encode_event(chunk))
    steps = _steps(reply, shape)
    fault_at = min(fault.after_tokens, len(steps)) if fault else -1
    for at, chunks in enumerate([*steps, []]):
        if fault is not None and at == fault_at and not await _show(fault, out, pause):
            return
        if 0 < at < len(steps):
            await pause(reply.gap_s)
        for chunk in chunks:
            await _write(out, encode_event(chunk))
    for chunk in shape.closing():
        await _write(out, encode_event(chunk))
    if reply.gives_usage:
        await _write(out, encode_event(shape.usage()))
    if fault is None or fault.do != "no_done":
        await _write(out, DONE)
    out.end()


def _steps(reply: Reply, shape: Shape) -> list[list[dict[str, Any]]]:
    """What is sent at each token: a chunk for every choice that isn't done yet, or a piece of a tool call."""
    if reply.tool_calls:
        return [[chunk] for chunk in shape.calls()]
    return [
        [shape.piece(index, text) for index, text in enumerate(texts) if text is not None]
        for texts in zip_longest(*[choice.pieces for choice in reply.choices])
    ]


async def _show(fault: Fault, out: Out, pause: Pause) -> bool:
    """Show a fault in mid-stream; whether the stream goes on."""
    match fault.do:
        case "stall":
            await pause(fault.stall_s)
        case "malformed":
            await _write(out, _BROKEN_EVENT)
        case "error_event":
            await _write(out, encode_event(_ERROR))
            out.end()
            return False
        case "cut":
            out.end()
            return False
        case "reset" | "close":
            _break_off(fault, out)
            return False
        case _:
            pass
    return True


def _break_off(fault: Fault, out: Out) -> None:
    """Leave the answer without its end; the edge closes behind the handler that returns."""
    if fault.do == "reset" and isinstance(out, Resettable):
        out.reset()


def _retry_headers(fault: Fault) -> Headers:
    if fault.retry_after_s is None:
        return ()
    return (
        (b"retry-after", b"%d" % math.ceil(fault.retry_after_s)),
        (b"retry-after-ms", b"%d" % round(fault.retry_after_s * 1000)),
    )


async def _write(out: Out, data: bytes) -> None:
    drained = out.write(data)
    if drained is not None:
        await drained
