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
_LINES = re.compile(rb"^:[pt] [^\n]*\n", re.MULTILINE)


def strip_comments(events: bytes) -> bytes:
    """Whole events without these lines; other comments stay. Costs a look at one byte where there are none."""
    return _LINES.sub(b"", events) if events[:1] == b":" else events
