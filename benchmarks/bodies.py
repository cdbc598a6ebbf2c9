"""Request bodies of a wanted size, for chat completions."""

import random

import msgspec

WORDS = (
    "signal",
    "track",
    "switch",
    "freight",
    "platform",
    "timetable",
    "engine",
    "tender",
    "siding",
    "junction",
    "carriage",
    "whistle",
)


def chat_body(
    model: str, size_bytes: int, randomness: random.Random, *, is_stream: bool = False, max_tokens: int = 16
) -> bytes:
    """
    A chat completion request of about `size_bytes` (never more than ten bytes below), with random railway words.

    A stream asks for usage, as gateways do whether their client asks or not, so that both sides of a comparison carry the same events.
    """
    options = {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {}
    words: list[str] = []
    length = 120
    while length < size_bytes:
        words.append(randomness.choice(WORDS))
        length += len(words[-1]) + 1
    request = {
        "model": model,
        "messages": [{"role": "user", "content": " ".join(words) or "hi"}],
        "max_tokens": max_tokens,
        **options,
    }
    body = msgspec.json.encode(request)
    missing = size_bytes - len(body)
    if missing <= 0:
        return body
    request["messages"] = [{"role": "user", "content": " ".join(words) + "." * missing}]
    return msgspec.json.encode(request)
