"""What a client got for one request, byte by byte with times, and what it may take it for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Transcript:
    """
    One request from the client's side; times are seconds after it was sent.

    Attributes:
        is_stream: what was asked for.
        status: of the answer, or None if no head came.
        headers: by lower-case name.
        pieces: of the body, with the time of each.
        is_broken: the connection ended before the answer's framing said so.
        is_hanging: the client gave up waiting.
        elapsed_s: until the end, whichever it was.
        sent_ns: when it was sent, on the machine's monotonic clock.
    """

    is_stream: bool
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[tuple[float, bytes]] = ()
    is_broken: bool = False
    is_hanging: bool = False
    elapsed_s: float = 0.0
    sent_ns: int = 0

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(piece for _, piece in self.pieces)

    @property
    def longest_silence_s(self) -> float:
        """Between two pieces, and before the first and after the last."""
        times = [0.0, *(at_s for at_s, _ in self.pieces), self.elapsed_s]
        return max(after - before for before, after in pairwise(times))


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What a careful client makes of a transcript.

    Attributes:
        text: of the first choice.
        model: that the answer names, of the last chunk that names one.
        finish_reason: or None.
        is_done: whether `[DONE]` came; a unary answer is done when its JSON is whole.
        usage: OpenAI's object, or None.
        error: its error object, in a stream or instead of an answer; an error status without one counts as an empty object.
        malformed: events, or bodies of 200, that aren't JSON.
        events: of the stream, comments aside.
        ends_in_order: whether the framing was kept to the end.
    """

    text: str = ""
    model: str = ""
    finish_reason: str | None = None
    is_done: bool = False
    usage: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    malformed: int = 0
    events: int = 0
    ends_in_order: bool = True

    @property
    def looks_finished(self) -> bool:
        """Whether a client takes it for a whole answer."""
        return self.finish_reason is not None and self.is_done and self.error is None and self.ends_in_order

    @property
    def says_it_failed(self) -> bool:
        """Whether a client can tell that it's no whole answer: an error, or a connection that broke."""
        return not self.looks_finished and (self.error is not None or not self.ends_in_order)


def read_transcript(transcript: Transcript) -> Reading:
    """What the client may take it for."""
    ends_in_order = transcript.status is not None and not transcript.is_broken and not transcript.is_hanging
    if transcript.status is None or transcript.is_hanging:
        partial = _read_stream(transcript.body) if transcript.is_stream else _Gathering()
        return partial.to_reading(ends_in_order=False)
    if transcript.status != 200:
        gathering = _Gathering()
        document = _try_decode(transcript.body)
        gathering.error = document.get("error") or {} if document else {}
        return gathering.to_reading(ends_in_order)
    gathering = _read_stream(transcript.body) if transcript.is_stream else _read_whole(transcript.body)
    return gathering.to_reading(ends_in_order)


class _Gathering:
    """A reading that grows by the event."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.model = ""
        self.finish_reason: str | None = None
        self.is_done = False
        self.usage: Mapping[str, Any] | None = None
        self.error: Mapping[str, Any] | None = None
        self.malformed = self.events = 0

    def take(self, document: Mapping[str, Any], part: str) -> None:
        """One object of the answer; `part` is where a choice has its content."""
        self.model = document.get("model") or self.model
        self.usage = document.get("usage") or self.usage
        if "error" in document:
            self.error = document["error"] or {}
        for choice in document.get("choices") or ():
            if choice.get("index") == 0:
                self.texts.append((choice.get(part) or {}).get("content") or "")
                self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def to_reading(self, ends_in_order: bool) -> Reading:
        return Reading(
            "".join(self.texts), self.model, self.finish_reason, self.is_done, self.usage, self.error, self.malformed, self.events, ends_in_order
        )  # fmt: skip


def _read_stream(body: bytes) -> _Gathering:
    gathering = _Gathering()
    for text in _split_events(body):
        gathering.events += 1
        if text.strip() == b"[DONE]":
            gathering.is_done = True
            continue
        document = _try_decode(text)
        if document is None:
            gathering.malformed += 1
        else:
            gathering.take(document, "delta")
    return gathering


def _read_whole(body: bytes) -> _Gathering:
    gathering = _Gathering()
    document = _try_decode(body)
    if document is None:
        gathering.malformed = 1
    else:
        gathering.is_done = True
        gathering.take(document, "message")
    return gathering


def _split_events(body: bytes) -> Iterator[bytes]:
    """The data of each whole event; what follows the last blank line isn't one yet."""
    *blocks, _ = body.replace(b"\r\n", b"\n").split(b"\n\n")
    for block in blocks:
        lines = [line.removeprefix(b"data:").lstrip() for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield b"\n".join(lines)


def _try_decode(text: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return document if isinstance(document, dict) else None
