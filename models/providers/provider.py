"""The seam to providers: three pure questions; carrying bytes is the Upstream's."""

from typing import Protocol

from turnout.models.errors import TurnoutError
from turnout.models.exchange import Out
from turnout.models.openai.answer import AnswerScan
from turnout.models.openai.request import ApiRequest
from turnout.models.target import Target
from turnout.models.upstream import Outcome, UpstreamRequest


class Provider(Protocol):
    """Speaks one dialect with one kind of server. Without state: one instance serves all targets of its kind."""

    def write_request(self, request: ApiRequest, target: Target) -> UpstreamRequest:
        """What to send to `target` for `request`."""
        ...

    def read_answer(self, request: ApiRequest, out: Out) -> AnswerScan:
        """An Out that understands the answer and passes it on to `out` in the caller's dialect."""
        ...

    def explain(self, outcome: Outcome, target: Target) -> TurnoutError:
        """The caller's error for an outcome that isn't ok."""
        ...
