"""Tells the first token of a stream from what servers send before it has one."""

import re

# A key of OpenAI's dialect with a string that isn't empty. A quote inside a JSON string has a backslash in front, so no text can look like a key.
_CONTENT = re.compile(
    rb'"(?:content|text|reasoning|reasoning_content|refusal|name|arguments|transcript|finish_reason)"\s*:\s*"[^"]'
)


def has_content(events: bytes) -> bool:
    """
    Whether whole events hold a first token, or an end without one.

    A token is text, reasoning, a refusal, a spoken transcript, or a tool call's name or arguments that isn't empty; an end is a finish reason. Made
    to be asked until it says yes, not for every event.
    """
    return _CONTENT.search(events) is not None
