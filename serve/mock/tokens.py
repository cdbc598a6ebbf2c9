"""
Invented token ids, made so that any mock with the same script can go on where another one stopped.

A prompt has an id a word, made from the word alone; one that is echoed has an id a character instead, since it has to be read back. An answer's ids
begin at `ANSWER` and count its words: what they say is where they stand.
"""

import zlib
from collections.abc import Sequence

import msgspec

from turnout.models.errors import BadRequest
from turnout.serve.mock.ask import Message, split_words

ANSWER = 2_000_000
"""The id of an answer's first word; a prompt's ids are below."""

_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class Prompt(msgspec.Struct, frozen=True):
    """
    What an answer depends on, besides script and seed.

    Attributes:
        ids: its tokens.
        last: what was said last; only right where it's echoed.
    """

    ids: list[int]
    last: str


def read_messages(messages: Sequence[Message], is_echoed: bool) -> Prompt:
    """The prompt that a conversation makes."""
    last = messages[-1].text if messages else ""
    if is_echoed:
        return Prompt([ord(character) for character in last], last)
    return Prompt([number for message in messages for number in number_words(message)], last)


def read_ids(ids: Sequence[int]) -> tuple[Prompt, int]:
    """
    The prompt in `ids`, and how many words of its answer follow.

    Raises:
        BadRequest: the answer's ids don't count up from its first word: something was lost or is there twice. (An engine would go on all the same.)
    """
    said = [number - ANSWER for number in ids if number >= ANSWER]
    if said != list(range(len(said))):
        raise BadRequest(f"the prompt has the answer's tokens {said} in place of the first {len(said)}", "prompt")
    begins_at = next((at for at, number in enumerate(ids) if number >= ANSWER), len(ids))
    asked = list(ids[:begins_at])
    return Prompt(asked, "".join(map(_read_character, asked))), len(said)


def number_words(message: Message) -> list[int]:
    """An id for each word of a message."""
    return [
        zlib.crc32(f"{message.role}\0{word}".encode(errors="surrogatepass")) % ANSWER
        for word in split_words(message.text)
    ]


def answer_ids(count: int) -> list[int]:
    """The ids of the first `count` words of an answer."""
    return list(range(ANSWER, ANSWER + count))


def _read_character(number: int) -> str:
    is_character = 0 <= number < 0xD800 or 0xDFFF < number < 0x110000
    return chr(number) if is_character else _UNREADABLE
