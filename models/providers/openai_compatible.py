"""Any server that speaks OpenAI's dialect: vLLM replicas, OpenAI itself, and the many others."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.models.access import WILDCARD
from turnout.models.cause import Cause
from turnout.models.errors import TurnoutError
from turnout.models.exchange import Headers, Out
from turnout.models.openai.answer import AnswerScan
from turnout.models.openai.body import encode_name, upstream_body
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.resume import write_continuation
from turnout.models.openai.continuation.seam import Seam
from turnout.models.openai.continuation.ways import Continuation, find_ways
from turnout.models.openai.failure import explain_outcome, find_cause
from turnout.models.openai.request import ApiRequest
from turnout.models.openai.token_comments import ASK_HEADER
from turnout.models.providers.provider import Answer
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.models.usage import BYTES_PER_TOKEN, Usage

_ASK_TOKENS: Headers = (ASK_HEADER,)


class OpenAICompatible:
    """The same dialect on both sides: bytes pass through, less what is the gateway's."""

    def __init__(self) -> None:
        self._names: dict[str, msgspec.Raw] = {}  # one entry a configured upstream model, so bounded by the config

    def write_request(self, request: ApiRequest, target: Target) -> UpstreamRequest:
        """The caller's body with the target's model name."""
        headers = _ASK_TOKENS if target.is_local and request.is_stream else ()
        body = upstream_body(request, self._name(request, target))
        return UpstreamRequest(request.operation.path, body, request.is_stream, headers)

    def read_answer(self, request: ApiRequest, out: Out, note_usage: Callable[[Usage], None]) -> Answer:
        """Passes everything but the usage chunk that the caller didn't ask for."""
        return AnswerScan(
            out,
            hides_usage=not request.wants_usage,
            note_usage=note_usage,
            prompt_tokens=1 + request.prompt_bytes // BYTES_PER_TOKEN,
        )

    def find_cause(self, outcome: Outcome, answer: Answer) -> Cause:
        """By status, error code, and how the connection ended."""
        return find_cause(outcome, answer.error)

    def find_ways(
        self, request: ApiRequest, progress: Progress, target: Target, endpoint: Endpoint, is_same_target: bool
    ) -> Sequence[Continuation]:
        """See `find_ways` of the continuation package."""
        return find_ways(request, progress, target, endpoint, is_same_target)

    def write_continuation(
        self, way: Continuation, request: ApiRequest, progress: Progress, target: Target, endpoint: Endpoint
    ) -> UpstreamRequest:
        """The rest by token ids, as the assistant's own beginning, or by an instruction."""
        return write_continuation(way, request, progress, self._name(request, target), endpoint)

    def read_continuation(
        self,
        way: Continuation,
        request: ApiRequest,
        progress: Progress,
        out: Out,
        note_usage: Callable[[Usage], None],
    ) -> Answer:
        """The scan of any answer, in front of what joins the two parts."""
        return self.read_answer(request, Seam(way, request, progress, out), note_usage)

    def explain(self, outcome: Outcome, target: Target) -> TurnoutError:
        """In OpenAI's error shape."""
        return explain_outcome(outcome, target.name)

    def _name(self, request: ApiRequest, target: Target) -> msgspec.Raw:
        if request.wildcard and WILDCARD in target.model:
            return encode_name(target.model.replace(WILDCARD, request.wildcard))
        name = self._names.get(target.model)
        if name is None:
            name = self._names[target.model] = encode_name(target.model)
        return name
