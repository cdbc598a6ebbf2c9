"""The seam to providers: three pure questions; carrying bytes is the Upstream's."""

from collections.abc import Callable
from typing import Protocol

from turnout.models.errors import TurnoutError
from turnout.models.exchange import Out
from turnout.models.openai.request import ApiRequest
from turnout.models.target import Target
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.models.usage import Usage


class Answer(Out, Protocol):
    """An Out that understands what passes through it."""

    @property
    def usage(self) -> Usage | None:
        """Tokens as the upstream counted them, or None."""
        ...

    @property
    def events(self) -> int:
        """Content events passed on: a lower bound of the tokens a client got when the upstream never said."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to its proper end."""
        ...


class Provider(Protocol):
    """Speaks one dialect with one kind of server. Without state: one instance serves all targets of its kind."""

    def write_request(self, request: ApiRequest, target: Target) -> UpstreamRequest:
        """What to send to `target` for `request`."""
        ...

    def read_answer(self, request: ApiRequest, out: Out, note_usage: Callable[[Usage], None]) -> Answer:
        """
        An Out that understands the answer and passes it on to `out` in the caller's dialect.

        It calls `note_usage` whenever the upstream has counted, before it passes on what comes with the count.
        """
        ...

    def explain(self, outcome: Outcome, target: Target) -> TurnoutError:
        """The caller's error for an outcome that isn't ok, or whose answer isn't complete."""
        ...
