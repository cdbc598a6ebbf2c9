"""The outermost Out of an attempt: puts the gateway's own headers on the answer, and holds the head back until there is something to say."""

from asyncio import Future
from collections.abc import Callable
from functools import lru_cache

from turnout.models.errors import TurnoutError
from turnout.models.exchange import Headers, Out
from turnout.models.usage import Usage
from turnout.router.account import cost_of
from turnout.router.call import Way


class AnswerHead:
    """
    Passes an answer on under a head with the gateway's facts.

    The head of a stream goes out with the first piece of its body, so that until then another target can still be tried, or an error be told by
    its status.

    Attributes:
        is_committed: whether anything has gone to the client.
    """

    __slots__ = ("_now", "_out", "_pending", "_usage", "_way", "is_committed")

    def __init__(self, out: Out, way: Way, now: Callable[[], float]) -> None:
        self._out = out
        self._way = way
        self._now = now
        self._usage: Usage | None = None
        self._pending: tuple[int, Headers] | None = None
        self.is_committed = False

    def note_usage(self, usage: Usage) -> None:
        """Hear what the upstream counted; a head that goes out later has the cost."""
        self._usage = usage

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Send all of it."""
        self.is_committed = True
        self._out.full(status, [*headers, *self._facts()], body)

    def start(self, status: int, headers: Headers) -> None:
        """Remember the head for the first piece."""
        self._pending = (status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Send a piece, after the head."""
        if self._pending is not None:
            self._commit()
        return self._out.write(chunk)

    def end(self) -> None:
        """Send the end; an empty answer has a head too."""
        if self._pending is not None:
            self._commit()
        self._out.end()

    def break_off(self, error: TurnoutError) -> None:
        """Tell the client in-band that the stream ends here, as OpenAI's clients understand it. There is no `[DONE]`."""
        self._out.write(b"data: " + error.to_json() + b"\n\n")
        self._out.end()

    def _facts(self) -> Headers:
        return answer_headers(self._way, self._now(), self._usage)

    def _commit(self) -> None:
        assert self._pending is not None
        status, headers = self._pending
        self._pending = None
        self.is_committed = True
        self._out.start(status, [*headers, *self._facts()])


def answer_headers(way: Way, now: float, usage: Usage | None) -> Headers:
    """
    The gateway's facts about an answer, under our names and LiteLLM's.

    Args:
        now: loop time of the first byte of the answer.
        usage: known for unary answers, which have a cost header where the price is known; a stream's head goes out before there is a cost.
    """
    arrival, plan = way.call.arrival, way.plan
    target = plan.candidate.target
    overhead_ms = b"%d.%03d" % divmod(int((way.sent_at - arrival.started_at) * 1e6), 1000)
    headers = [
        (b"x-request-id", arrival.echo_id),
        (b"openai-processing-ms", b"%d" % int((now - arrival.started_at) * 1e3)),
        (b"x-turnout-overhead-ms", overhead_ms),
        (b"x-litellm-overhead-duration-ms", overhead_ms),
        (b"x-litellm-call-id", arrival.id.encode()),
        *_route_headers(target.name, plan.reason, way.number),
    ]
    cost_nusd = cost_of(usage, target)
    if cost_nusd is not None:
        cost = b"%d.%09d" % divmod(cost_nusd, 1_000_000_000)
        headers += ((b"x-turnout-cost", cost), (b"x-litellm-response-cost", cost))
    return headers


@lru_cache(maxsize=1024)
def _route_headers(target: str, reason: str, number: int) -> Headers:
    """The lines that are the same for every request that goes the same way."""
    name = target.encode()
    return (
        (b"x-turnout-target", name),
        (b"x-turnout-route-reason", reason.encode()),
        (b"x-turnout-attempts", b"%d" % number),
        (b"x-litellm-model-id", name),
        (b"x-litellm-attempted-retries", b"%d" % (number - 1)),
        (b"x-litellm-attempted-fallbacks", b"0"),
    )
