"""Reads off a body what is asked: the text that a request is judged, compared and embedded by."""

import msgspec

from turnout.models.openai.request import ApiRequest, Operation


class _Part(msgspec.Struct, gc=False):
    text: str = ""


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: str | list[_Part] | None = None


_decode_turns = msgspec.json.Decoder(list[_Turn]).decode
_decode_prompt = msgspec.json.Decoder(str | list[str | int | list[int]]).decode


def read_question(request: ApiRequest) -> str:
    """
    The user's last message of a chat, the prompt of a completion; "" where there's no text, as in embeddings.

    `turnout routes fit` is given the same text as `prompt`.
    """
    match request.operation:
        case Operation.CHAT:
            turns = _decode_turns(request.fields["messages"])
            return next((_write(turn) for turn in reversed(turns) if turn.role == "user"), "")
        case Operation.COMPLETIONS:
            prompt = _decode_prompt(request.fields["prompt"])
            return prompt if isinstance(prompt, str) else "\n".join(each for each in prompt if isinstance(each, str))
        case Operation.EMBEDDINGS:
            return ""


def _write(turn: _Turn) -> str:
    if turn.content is None or isinstance(turn.content, str):
        return turn.content or ""
    return "\n".join(part.text for part in turn.content if part.text)
