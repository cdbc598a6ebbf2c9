"""The seam to providers: pure questions only; carrying bytes is the Upstream's."""

from collections.abc import Callable, Sequence
from typing import Protocol

from turnout.models.cause import Cause
from turnout.models.errors import TurnoutError
from turnout.models.exchange import Out
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.ways import Continuation
from turnout.models.openai.request import ApiRequest
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.models.usage import Usage


class Answer(Out, Protocol):
    """An Out that understands what passes through it."""

    @property
    def usage(self) -> Usage | None:
        """Tokens as the upstream counted them, or None."""
        ...

    @property
    def error(self) -> bytes | None:
        """The upstream's error in an answer of 200, as JSON, or None."""
        ...

    @property
    def events(self) -> int:
        """Content events passed on: a lower bound of the tokens a client got when the upstream never said."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to its proper end."""
        ...

    def try_finish(self) -> bool:
        """Make an answer whole that has all of its text, though its stream broke at the very end; whether it is whole now."""
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

    def find_cause(self, outcome: Outcome, answer: Answer) -> Cause:
        """Why an attempt failed whose answer isn't complete."""
        ...

    def find_ways(
        self, request: ApiRequest, progress: Progress, target: Target, endpoint: Endpoint, is_same_target: bool
    ) -> Sequence[Continuation]:
        """How an answer that broke off can be gone on with there, best first; none where it can't."""
        ...

    def write_continuation(
        self, way: Continuation, request: ApiRequest, progress: Progress, target: Target, endpoint: Endpoint
    ) -> UpstreamRequest:
        """What to send to `target` for the rest of an answer."""
        ...

    def read_continuation(
        self,
        way: Continuation,
        request: ApiRequest,
        progress: Progress,
        out: Out,
        note_usage: Callable[[Usage], None],
    ) -> Answer:
        """As `read_answer`, for the rest of an answer; what is passed on goes on where the first part ended."""
        ...

    def explain(self, outcome: Outcome, target: Target) -> TurnoutError:
        """The caller's error for an outcome that isn't ok, or whose answer isn't complete."""
        ...
