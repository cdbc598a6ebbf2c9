"""Finds where a continuation by words goes on, since models like to repeat the end of what they continue."""

from typing import Final

TAIL_CHARS: Final = 400
"""How much of a text's end is looked for at the start of its continuation, and so how much of that is held back at most."""
_MIN_CHARS = 8
_MIN_WORDS = 2


class Joint:
    """
    Takes a continuation in pieces and gives out what is new in it.

    Pieces are held back while they may still repeat the text. Cut off are: the whole text said again; the longest stretch that ends the text and
    begins the continuation, if it has 8 characters or 2 words (less is as likely the model's own); blanks that stand on both sides. Nothing is
    ever added: a blank that no model wrote may be missing, or it may be the middle of a word, which can't be told.

    Attributes:
        is_open: whether pieces are still held back; once closed, they pass as they are.
    """

    __slots__ = ("_blanks", "_echoed_chars", "_held", "_tail", "_text", "is_open")

    def __init__(self, text: str) -> None:
        # What ends the text is looked at apart: some servers refuse a last message that ends with blanks, so they don't see them.
        self._text = text.strip()
        self._blanks = text[len(text.rstrip()) :]
        self._tail = self._text[-TAIL_CHARS:]
        self._held: list[str] = []
        self._echoed_chars = 0 if _is_telling(self._text) else -1
        self.is_open = True

    def __repr__(self) -> str:
        return f"<Joint is_open={self.is_open}, {len(self._held)} pieces held>"

    def take(self, piece: str) -> str:
        """What is certainly new with this piece; "" while it isn't certain."""
        if not self.is_open:
            return piece
        self._held.append(piece)
        if self._is_echo(piece):
            return ""
        held = "".join(self._held)
        self._held = [held]
        if held.lstrip() in self._tail:
            return ""
        rest = self._find_rest(held)
        if not rest.strip() and len(rest) < TAIL_CHARS:
            return ""
        self.is_open = False
        return rest

    def close(self) -> str:
        """What is new in the pieces held back; nothing is held from here on."""
        if not self.is_open:
            return ""
        self.is_open = False
        return self._find_rest("".join(self._held))

    def _find_rest(self, held: str) -> str:
        start = held.lstrip()
        is_whole = self._echoed_chars == len(self._text)
        size = len(self._text) if is_whole else _overlap(self._tail, start)
        return _drop_blanks(self._blanks, start[size:] if size else held)

    def _is_echo(self, piece: str) -> bool:
        """Whether everything so far is a beginning of the text, and not yet all of it."""
        at = self._echoed_chars
        if at < 0:
            return False
        piece = piece if at else piece.lstrip()
        if self._text.startswith(piece, at):
            self._echoed_chars += len(piece)
        else:
            self._echoed_chars = len(self._text) if piece.startswith(self._text[at:]) else -1
        return 0 <= self._echoed_chars < len(self._text)


def _overlap(text: str, start: str) -> int:
    """Length of the longest end of `text` that `start` begins with and that tells something, or 0."""
    for size in range(min(len(text), len(start)), 0, -1):
        if text.endswith(start[:size]) and _is_telling(start[:size], text[-size - 1 : -size]):
            return size
    return 0


def _is_telling(overlap: str, before: str = "") -> bool:
    """Whether it can hardly be chance: long, or two words of which the first is whole."""
    begins_a_word = not (before.isalnum() and overlap[:1].isalnum())
    return len(overlap.strip()) >= _MIN_CHARS or (begins_a_word and len(overlap.split()) >= _MIN_WORDS)


def _drop_blanks(blanks: str, start: str) -> str:
    """`start` without those of the text's last `blanks` that it begins with again."""
    return next((start[len(blanks) - at :] for at in range(len(blanks)) if start.startswith(blanks[at:])), start)
