"""Any server that speaks OpenAI's dialect: vLLM replicas, OpenAI itself, and the many others."""

from collections.abc import Callable

import msgspec

from turnout.models.errors import TurnoutError
from turnout.models.exchange import Out
from turnout.models.openai.answer import AnswerScan
from turnout.models.openai.body import encode_name, upstream_body
from turnout.models.openai.failure import explain_outcome
from turnout.models.openai.request import ApiRequest
from turnout.models.providers.provider import Answer
from turnout.models.target import Target
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.models.usage import Usage


class OpenAICompatible:
    """The same dialect on both sides: bytes pass through, less what is the gateway's."""

    def __init__(self) -> None:
        self._names: dict[str, msgspec.Raw] = {}  # one entry a configured upstream model, so bounded by the config

    def write_request(self, request: ApiRequest, target: Target) -> UpstreamRequest:
        """The caller's body with the target's model name."""
        name = self._names.get(target.model)
        if name is None:
            name = self._names[target.model] = encode_name(target.model)
        return UpstreamRequest(request.operation.path, upstream_body(request, name), request.is_stream)

    def read_answer(self, request: ApiRequest, out: Out, note_usage: Callable[[Usage], None]) -> Answer:
        """Passes everything but the usage chunk that the caller didn't ask for."""
        return AnswerScan(out, hides_usage=not request.wants_usage, note_usage=note_usage)

    def explain(self, outcome: Outcome, target: Target) -> TurnoutError:
        """In OpenAI's error shape."""
        return explain_outcome(outcome, target.name)
