"""What the bytes of a prompt tell of it without any model: length, code, math, language, the kind of question."""

import numpy as np
from numpy.typing import NDArray

READ_BYTES = 4096
"""Of a longer prompt, so much of its beginning and of its end is read: instructions stand there, and the middle is material."""

_CLASSES = {
    "spaces": b" ",
    "lines": b"\n",
    "digits": b"0123456789",
    "capitals": bytes(range(ord("A"), ord("Z") + 1)),
    "brackets": b"{}[]()",
    "code": b"_;=<>#&|`",
    "math": b"+*/^%$\\",
    "backslashes": b"\\",
    "dollars": b"$",
    "questions": b"?",
    "stops": b".",
    "commas": b",",
    "quotes": b"\"'",
    "dashes": b"-",
    "colons": b":",
    "foreign": bytes(range(128, 256)),
}
_OPENINGS = (
    b"what", b"which", b"who", b"when", b"where", b"why", b"how", b"is", b"write", b"find", b"let", b"if", b"the", b"in", b"a", b"calculate",
    b"explain", b"translate", b"summarize",
)  # fmt: skip
_MARKS = (b"```", b"def ", b"import ", b" the ", b"\nB. ")

NAMES: tuple[str, ...] = (
    "bytes", "words", "word_bytes", *(f"log_{name}" for name in _CLASSES), *(f"share_{name}" for name in _CLASSES),
    *(f"opens_{word.decode()}" for word in _OPENINGS), "fences", "definitions", "imports", "articles", "options",
)  # fmt: skip
"""What each number of `read` is, in its order."""


def _tell_classes() -> NDArray[np.float32]:
    table = np.zeros((256, len(_CLASSES)), dtype=np.float32)
    for column, characters in enumerate(_CLASSES.values()):
        table[list(characters), column] = 1.0
    return table


_TABLE = _tell_classes()
_OPENING_AT = {word: at for at, word in enumerate(_OPENINGS)}
_SHARES_AT = 3 + len(_CLASSES)
_OPENINGS_AT = _SHARES_AT + len(_CLASSES)
_MARKS_AT = _OPENINGS_AT + len(_OPENINGS)


def read(prompt: str) -> NDArray[np.float32]:
    """
    Read a prompt's lexical signals; takes microseconds, however long it is.

    Returns:
        float32 (len(NAMES),): counts as log(1 + n), shares of all bytes, and 1 where the prompt opens with a word.
    """
    content = prompt.encode("utf-8", "replace")
    signals = np.zeros(len(NAMES), dtype=np.float32)
    size = len(content)
    if not size:
        return signals
    if size > 2 * READ_BYTES:
        content = content[:READ_BYTES] + content[-READ_BYTES:]
    counts = np.bincount(np.frombuffer(content, dtype=np.uint8), minlength=256).astype(np.float32) @ _TABLE
    words = content.lower().split()
    share = size / len(content)  # of what isn't read, as much is taken to be there as in what is
    signals[0] = size
    signals[1] = len(words) * share
    signals[3:_SHARES_AT] = counts * share
    signals[_MARKS_AT:] = [content.count(mark) for mark in _MARKS]
    np.log1p(signals[:_SHARES_AT], out=signals[:_SHARES_AT])
    np.log1p(signals[_MARKS_AT:], out=signals[_MARKS_AT:])
    signals[2] = (len(content) - counts[0] - counts[1]) / len(words) if words else 0.0
    signals[_SHARES_AT:_OPENINGS_AT] = counts / len(content)
    opening = _OPENING_AT.get(words[0]) if words else None
    if opening is not None:
        signals[_OPENINGS_AT + opening] = 1.0
    return signals
