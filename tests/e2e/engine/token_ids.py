"""Streams of a real engine with token ids in comment lines, read as a router reads them."""

import json
import re
from dataclasses import dataclass, field

import httpx

from turnout.models.openai.token_comments import PROMPT, TOKENS, strip_comments

ASKING = {"x-turnout-token-ids": "1"}


@dataclass
class Told:
    """What a stream said: the prompt's ids, and a text with its ids for each event that had any."""

    prompt: list[int] = field(default_factory=list)
    steps: list[tuple[list[int], str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.steps)

    def ids(self, until: int | None = None) -> list[int]:
        """The answer's ids of the first `until` steps."""
        return [token for ids, _ in self.steps[:until] for token in ids]


async def stream(client: httpx.AsyncClient, path: str, body: dict[str, object], **headers: str) -> bytes:
    """A whole stream, with what differs between two equal requests made alike."""
    answer = await client.post(path, json={**body, "stream": True}, headers={"x-request-id": "one", **headers})
    assert answer.status_code == 200, answer.text
    return re.sub(rb'"created":\d+', b'"created":0', answer.content)


def strip(events: bytes) -> bytes:
    """The stream that a client would get."""
    return b"".join(strip_comments(event) for event in events.splitlines(keepends=True))


def read(events: bytes) -> Told:
    """Prompt, ids and texts of a stream."""
    told = Told()
    ids: list[int] = []
    for line in events.splitlines():
        if line.startswith(PROMPT):
            told.prompt = json.loads(line[len(PROMPT) :])
        elif line.startswith(TOKENS):
            ids = json.loads(line[len(TOKENS) :])
        elif line.startswith(b"data: {") and ids:
            (choice,) = json.loads(line[6:])["choices"]
            told.steps.append((ids, choice["text"] if "text" in choice else choice["delta"].get("content", "")))
            ids = []
    return told
