"""
Token ids on their way from an engine's listener to the router, as SSE comment lines that no client ever sees.

    :p [504, 3575, 282]        the prompt's ids, before the first event
    :t [260, 1981]             the ids that the next event's text came from
    data: {"choices": [...]}

An engine's listener writes them when it's asked with ASK_HEADER; the router keeps them for a continuation and takes them out of what it passes on.
"""

import re

ASK_HEADER = (b"x-turnout-token-ids", b"1")
"""Asks an engine's listener for these lines."""

PROMPT = b":p "
TOKENS = b":t "
_LINES = (PROMPT, TOKENS)
_INNER = re.compile(rb"\n:[pt] [^\n]*")


def strip_comments(events: bytes) -> bytes:
    """Whole events without these lines, wherever they stand; other comments stay."""
    while events.startswith(_LINES):
        events = events[events.index(b"\n") + 1 :]
    # One event has two line ends; counting them is faster than looking for two characters together.
    return _INNER.sub(b"", events) if events.count(b"\n") > 2 else events
