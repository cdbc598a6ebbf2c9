"""`turnout chat`: talks to a model through the gateway, once or turn by turn."""

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer

from turnout.serve.cli.command import new_app
from turnout.serve.cli.conversation import Message, Route
from turnout.serve.cli.home import turnout_home
from turnout.serve.cli.http import new_client
from turnout.serve.cli.outline import Outline, get_outline
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.running import find_all
from turnout.serve.cli.screen import say, warn, write

with contextlib.suppress(ImportError):
    import readline  # noqa: F401  # gives input() a history and line editing

app = new_app()

EPILOG = """\b
Examples:
  turnout chat "What is the capital of France?"
  turnout chat --model smollm2                  # turn by turn; ctrl-C stops an answer, ctrl-D leaves
  cat notes.txt | turnout chat --system "Summarise in one sentence."
While talking: /model NAME, /reset, /quit.

\b
Exit codes: 0 answered, 1 no answer or a broken one, 2 unknown model, 130 interrupted."""


@dataclass(slots=True)
class Talk:
    """A conversation so far; owns its list of messages."""

    route: Route
    model: str
    max_tokens: int | None
    system: str | None
    messages: list[Message] = field(default_factory=list)

    def reset(self) -> None:
        """Forget everything but the system message."""
        self.messages = [Message("system", self.system)] if self.system else []

    def say(self, prompt: str) -> None:
        """Send `prompt` and print the answer; a turn that fails is forgotten."""
        asked = [*self.messages, Message("user", prompt)]
        told = self.route.ask(self.model, asked, self.max_tokens, write)
        say()
        warn(told.describe(), style="dim")
        self.messages = [*asked, Message("assistant", told.text)]


@app.command(epilog=EPILOG)
def chat(
    prompt: Annotated[
        list[str] | None, typer.Argument(help="What to ask; without it, a conversation begins.", metavar="[PROMPT]...")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Which model; the first that can chat unless said.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Address of the route; that of the cluster running here unless said.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", envvar="TURNOUT_KEY", help="A client key.", show_default=False)
    ] = None,
    system: Annotated[str | None, typer.Option("--system", help="A system message.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Longest answer.")] = None,
) -> None:
    """Talk to a model through the gateway."""
    outline = None if url else _find_outline()
    address = url or (outline.url if outline else "http://127.0.0.1:8000")
    with new_client(timeout_s=120.0) as client:
        route = Route(address.rstrip("/").removesuffix("/v1"), key, client, time.monotonic)
        talk = Talk(route, model or _pick_model(route, outline), max_tokens, system)
        talk.reset()
        if prompt or not sys.stdin.isatty():
            talk.say(" ".join(prompt) if prompt else sys.stdin.read())
        else:
            _converse(talk)


def _find_outline() -> Outline | None:
    found = find_all(turnout_home(os.environ))
    return get_outline(Path(found[0][1].file), {}) if len(found) == 1 else None


def _pick_model(route: Route, outline: Outline | None) -> str:
    known = route.list_models()
    able = {model.name for model in outline.models if "chat" in model.operations} if outline else set(known)
    chosen = next((name for name in known if name in able), None)
    if chosen is None:
        raise Refusal(f"{route.url} has no model that can chat", "", ExitCode.FAILED)
    return chosen


def _converse(talk: Talk) -> None:
    say(f"{talk.model} at {talk.route.url}; ctrl-D leaves", style="dim")
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            say()
            return
        if line == "/quit":
            return
        if line == "/reset":
            talk.reset()
        elif line.startswith("/model "):
            talk.model = line.removeprefix("/model ").strip()
        elif line.startswith("/"):
            warn("/model NAME, /reset, /quit")
        elif line:
            _answer(talk, line)


def _answer(talk: Talk, line: str) -> None:
    """One turn: an error or ctrl-C ends the answer, not the conversation."""
    try:
        talk.say(line)
    except Refusal as refusal:
        say()
        warn(f"error: {refusal}", style="red")
    except KeyboardInterrupt:  # the stream is closed by now, and with it the upstream's work
        say()
        warn("stopped; this turn is forgotten", style="dim")
    except httpx.HTTPError as error:
        say()
        warn(f"error: {type(error).__name__}: {error}", style="red")
