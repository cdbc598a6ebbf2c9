"""Reads the text out of an answer, whole or streamed."""

import msgspec


class _Part(msgspec.Struct, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Part | None = None
    delta: _Part | None = None
    text: str | None = None


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice] = []


_decode = msgspec.json.Decoder(_Answer).decode


def read_text(body: bytes) -> str | None:
    """What all choices say, one after the other, of a JSON body or of the events of a stream; None if it isn't one of ours."""
    try:
        if not body.startswith((b"data:", b":")):
            return "".join(_texts(body))
        lines = (line[5:].strip() for line in body.splitlines() if line.startswith(b"data:"))
        return "".join(text for line in lines if line != b"[DONE]" for text in _texts(line))
    except msgspec.DecodeError:
        return None


def _texts(body: bytes) -> list[str]:
    parts = [(each.message or each.delta, each.text) for each in _decode(body).choices]
    return [text or (part.content if part is not None else None) or "" for part, text in parts]
