"""One conversation with a model through an OpenAI-compatible route, streamed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import httpx
import msgspec

from turnout.serve.cli.refusal import ExitCode, Refusal


class Message(msgspec.Struct, frozen=True):
    """One turn."""

    role: str
    content: str


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    completion_tokens: int | None = None


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    code: str | int | None = None


class _Chunk(msgspec.Struct, frozen=True):
    """An event of a chat stream: text, usage or an error."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | None = None


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model] = []


@dataclass(frozen=True, slots=True)
class Told:
    """
    What is known of an answer when it has ended.

    Attributes:
        text: the answer.
        tokens: as the server counted them, or None.
        first_token_s: from the request to the first text.
        total_s: from the request to the end.
        target: which target answered, as `x-turnout-target` names it, or None.
        finish: `stop`, `length` and the like; None if the stream broke off.
    """

    text: str
    tokens: int | None
    first_token_s: float
    total_s: float
    target: str | None
    finish: str | None

    def describe(self) -> str:
        """`24 tokens, 21.3 tokens/s, first after 0.14 s, from smollm2-local`."""
        decode_s = self.total_s - self.first_token_s
        parts = []
        if self.tokens is not None:
            parts.append(f"{self.tokens} tokens")
            if self.tokens > 1 and decode_s > 0:
                parts.append(f"{(self.tokens - 1) / decode_s:.1f} tokens/s")
        parts.append(f"first after {self.first_token_s:.2f} s")
        if self.target:
            parts.append(f"from {self.target}")
        if self.finish == "length":
            parts.append("cut at its longest: --max-tokens")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Route:
    """
    Where to ask and as whom.

    Attributes:
        url: without `/v1`.
        key: sent as a bearer token, or None.
        client: its time-outs must allow for a slow first token.
        now: monotonic seconds.
    """

    url: str
    key: str | None
    client: httpx.Client
    now: Callable[[], float]

    def list_models(self) -> list[str]:
        """
        The names that may be asked for.

        Raises:
            Refusal: the route doesn't answer, or not us.
        """
        try:
            answer = self.client.get(f"{self.url}/v1/models", headers=self._headers())
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if not answer.is_success:
            raise self._refused(answer.status_code, answer.content)
        return [model.id for model in msgspec.json.decode(answer.content, type=_Models).data]

    def ask(self, model: str, messages: Sequence[Message], max_tokens: int | None, show: Callable[[str], None]) -> Told:
        """
        Send the conversation and show the answer as it comes.

        Raises:
            Refusal: no answer, an error instead of one, or one that broke off.
        """
        body = {
            "model": model,
            "messages": [msgspec.to_builtins(message) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"max_tokens": max_tokens} if max_tokens else {}),
        }
        began_at = self.now()
        try:
            with self.client.stream(
                "POST", f"{self.url}/v1/chat/completions", json=body, headers=self._headers()
            ) as answer:
                if not answer.is_success:
                    raise self._refused(answer.status_code, answer.read(), model)
                return self._follow(answer, began_at, show)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _follow(self, answer: httpx.Response, began_at: float, show: Callable[[str], None]) -> Told:
        pieces: list[str] = []
        first_at, tokens, finish = None, None, None
        for chunk in _read_chunks(answer.iter_lines()):
            if chunk.error is not None:
                raise Refusal(f"the answer broke off: {chunk.error.message}")
            tokens = chunk.usage.completion_tokens if chunk.usage else tokens
            for choice in chunk.choices[:1]:
                finish = choice.finish_reason or finish
                if choice.delta.content:
                    first_at = first_at or self.now()
                    pieces.append(choice.delta.content)
                    show(choice.delta.content)
        if finish is None:
            raise Refusal("the answer broke off")
        ended_at = self.now()
        return Told(
            "".join(pieces),
            tokens,
            (first_at or ended_at) - began_at,
            ended_at - began_at,
            answer.headers.get("x-turnout-target"),
            finish,
        )

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    def _unreachable(self, error: httpx.TransportError) -> Refusal:
        if isinstance(error, httpx.ConnectError):
            return Refusal(
                f"nothing answers at {self.url}: {error}",
                "`turnout up FILE` starts a cluster; --url names another place",
            )
        return Refusal(f"the connection to {self.url} broke: {type(error).__name__}: {error}")

    def _refused(self, status: int, body: bytes, model: str = "") -> Refusal:
        try:
            error = msgspec.json.decode(body, type=_Chunk).error or _Error()
        except msgspec.DecodeError:
            error = _Error()
        message = error.message or f"{self.url} answers {status}"
        if status == httpx.codes.UNAUTHORIZED:
            return Refusal(message, "--key, or the environment variable TURNOUT_KEY, is a client key of this cluster")
        if status == httpx.codes.NOT_FOUND and model:
            return Refusal(message, suggest_model(model, self.list_models()), ExitCode.BAD_INPUT)
        return Refusal(message)


def suggest_model(asked: str, known: Sequence[str]) -> str:
    """A hint at the model that was probably meant, else at all there are."""
    near = get_close_matches(asked, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"models: {', '.join(known) or 'none'}"


def _read_chunks(lines: Iterator[str]) -> Iterator[_Chunk]:
    for line in lines:
        field, _, value = line.partition(":")
        if field != "data" or value.strip() == "[DONE]":
            continue
        try:
            yield msgspec.json.decode(value.strip(), type=_Chunk)
        except msgspec.DecodeError as error:
            raise Refusal(f"what came back isn't a chat stream: {error}") from error
