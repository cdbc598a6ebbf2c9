"""Finds out which answer a request has already the beginning of, and what is left of it to say."""

import re
from collections.abc import Callable, Sequence

import msgspec

from turnout.serve.mock.ask import Message
from turnout.serve.mock.tokens import Prompt, answer_ids, number_words, read_ids, read_messages

_ASKS_ON = re.compile(r"\bcontinu|\bgo on\b|\bleft off\b|\bstopped\b", re.IGNORECASE)

Speak = Callable[[Prompt], list[str]]
"""The whole answer to a prompt, word by word."""


class Rest(msgspec.Struct, frozen=True):
    """
    What is left to say.

    Attributes:
        pieces: words of the answer; the first may be the end of one.
        start: which word of the whole answer the first is.
        ids: of everything that came before it.
    """

    pieces: list[str]
    start: int
    ids: list[int]


def find_rest(conversation: Sequence[Message] | Sequence[int], is_echoed: bool, speak: Speak) -> Rest:
    """
    What the model says to `conversation`.

    It goes on with an answer of its own that token ids, a last message of the assistant, or the one before a last message of the user has the
    beginning of. A whole answer before a last message of the user is an earlier turn, unless that message asks to go on.

    Args:
        conversation: messages, or a prompt's token ids.
        is_echoed: whether the answer is what was said last.
        speak: decides whole answers.

    Raises:
        BadRequest: the ids aren't a beginning.
    """
    messages = [each for each in conversation if isinstance(each, Message)]
    if not messages:
        ids = [each for each in conversation if isinstance(each, int)]
        prompt, start = read_ids(ids)
        return Rest(speak(prompt)[start:], start, ids)
    begun = _find_beginning(messages)
    if begun is not None:
        prompt = read_messages(messages[:begun], is_echoed)
        pieces = speak(prompt)
        later = messages[begun + 1 :]
        start, left = _take_off(pieces, messages[begun].text)
        if left is not None and (left or not later or _ASKS_ON.search(later[0].text)):
            asked_on = [number for message in later for number in number_words(message)]
            return Rest(left, start, [*prompt.ids, *answer_ids(start), *asked_on])
    prompt = read_messages(messages, is_echoed)
    return Rest(speak(prompt), 0, prompt.ids)


def _find_beginning(messages: Sequence[Message]) -> int | None:
    """Where the message stands that may be the beginning of an answer."""
    if messages[-1].role == "assistant":
        return len(messages) - 1
    is_followed = len(messages) > 1 and messages[-1].role == "user" and messages[-2].role == "assistant"
    return len(messages) - 2 if is_followed and messages[-2].text else None


def _take_off(pieces: Sequence[str], begun: str) -> tuple[int, list[str] | None]:
    """The number of whole words that `begun` has of an answer, and what is left; None if it isn't its beginning."""
    whole = "".join(pieces)
    if not whole.startswith(begun):
        return 0, None
    at = 0
    for start, piece in enumerate(pieces):
        if at + len(piece) > len(begun):
            return start, [piece[len(begun) - at :], *pieces[start + 1 :]]
        at += len(piece)
    return len(pieces), []
