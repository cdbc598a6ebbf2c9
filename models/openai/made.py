"""Answers that no model gave: a fixed text in the shape of a chat or text completion."""

from collections.abc import Mapping

import msgspec

from turnout.models.openai.answer import DONE
from turnout.models.openai.request import Operation

_NO_USAGE: Mapping[str, int] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_encode = msgspec.json.Encoder().encode


class MadeAnswer(msgspec.Struct, frozen=True):
    """
    A text to be given as a model's answer.

    Attributes:
        operation: chat or completions; embeddings have no text.
        id: of the answer.
        created_s: unix time.
        model: in whose name it's given.
        text: what it says.
    """

    operation: Operation
    id: str
    created_s: int
    model: str
    text: str

    def to_json(self) -> bytes:
        """The whole answer. Nothing was used for it."""
        choice: dict[str, object] = {"index": 0, "finish_reason": "stop", "logprobs": None}
        if self.operation is Operation.CHAT:
            choice["message"] = {"role": "assistant", "content": self.text, "refusal": None}
            kind = "chat.completion"
        else:
            choice["text"] = self.text
            kind = "text_completion"
        return _encode({**self._identity(kind), "choices": [choice], "usage": _NO_USAGE})

    def to_events(self, wants_usage: bool) -> bytes:
        """The same as a whole stream."""
        chunks: list[dict[str, object]] = [{"choices": [choice]} for choice in self._pieces()]
        if wants_usage:
            chunks.append({"choices": [], "usage": _NO_USAGE})
        kind = "chat.completion.chunk" if self.operation is Operation.CHAT else "text_completion"
        events = (b"data: " + _encode({**self._identity(kind), **chunk}) + b"\n\n" for chunk in chunks)
        return b"".join(events) + DONE

    def _identity(self, kind: str) -> dict[str, object]:
        return {"id": self.id, "object": kind, "created": self.created_s, "model": self.model}

    def _pieces(self) -> list[dict[str, object]]:
        if self.operation is Operation.CHAT:
            first: dict[str, object] = {"delta": {"role": "assistant", "content": self.text}}
            last: dict[str, object] = {"delta": {}}
        else:
            first, last = {"text": self.text}, {"text": ""}
        return [{"index": 0, **first, "finish_reason": None}, {"index": 0, **last, "finish_reason": "stop"}]
