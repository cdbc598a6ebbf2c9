"""The client's side of a request: one Reply, whatever attempts it takes to fill it."""

from asyncio import Future, get_running_loop
from collections.abc import Callable
from functools import lru_cache

from turnout.models.errors import TurnoutError
from turnout.models.exchange import Headers, Out
from turnout.models.openai.continuation.content import has_content
from turnout.models.openai.continuation.transcript import Transcript
from turnout.models.usage import Usage
from turnout.router.account import cost_of
from turnout.router.call import Way

HELD_BYTES = 64 * 1024
"""Most of a stream that's held back while it has no content; from then on it goes to the client as it is."""

HEARTBEAT = b": keep-alive\n\n"
_EVENT_STREAM: Headers = ((b"content-type", b"text/event-stream"),)


class Reply:
    """
    Owns the client's Out for one request, and what the client has of the answer.

    Each attempt writes into a Lane of its own. The first Lane that has something to say gets the Reply; what the others write goes nowhere.

    Attributes:
        taken_by: number of the attempt whose answer is on its way to the client, or 0: before one has content, and after that one has failed.
        taken_at: loop time of its first content.
        has_content: whether the client has any of an answer.
        author: the target that wrote the last of it, or None.
        is_head_sent: whether the status has gone to the client, so that an error can only be told in-band.
        has_moved: whether anything has been written since the last heartbeat was thought of; Heartbeats resets it.
        transcript: what the client has of a stream, for a continuation.
    """

    __slots__ = (
        "_now",
        "_out",
        "_taken",
        "author",
        "has_content",
        "has_moved",
        "is_head_sent",
        "taken_at",
        "taken_by",
        "transcript",
    )

    def __init__(self, out: Out, now: Callable[[], float]) -> None:
        self._out = out
        self._now = now
        self.taken_by = 0
        self.taken_at = 0.0
        self.author: str | None = None
        self._taken: Future[None] | None = None
        self.is_head_sent = self.has_content = self.has_moved = False
        self.transcript = Transcript(out)

    def lane(self, way: Way) -> "Lane":
        """Where one attempt writes to."""
        return Lane(self, way, self._now)

    def take(self, way: Way) -> None:
        """From now on this attempt's answer is the client's."""
        self.taken_by = way.number
        self.taken_at = self._now()
        self.author = way.plan.candidate.target.name
        self.has_content = True
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    def tell_when_taken(self) -> "Future[None]":
        """Done when an attempt has content."""
        self._taken = get_running_loop().create_future()
        return self._taken

    def full(self, way: Way, usage: Usage | None, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        self.is_head_sent = True
        self._out.full(status, [*headers, *answer_headers(way, self._now(), usage)], body)

    def start(self, way: Way, status: int, headers: Headers) -> None:
        """Send the head of a stream, unless a heartbeat has sent one."""
        if not self.is_head_sent:
            self.is_head_sent = True
            self._out.start(status, [*headers, *answer_headers(way, self._now(), None)])

    def beat(self, echo_id: bytes) -> None:
        """Tell the client of a stream that its answer is still being worked on."""
        if not self.is_head_sent:
            self.is_head_sent = True
            self._out.start(200, [*_EVENT_STREAM, (b"x-request-id", echo_id)])
        self._out.write(HEARTBEAT)

    def finish(self, ending: bytes) -> None:
        """Send the last events of an answer that lacks nothing else."""
        self._out.write(ending)
        self._out.end()

    def break_off(self, error: TurnoutError) -> None:
        """Tell the client in-band that the stream ends here, as OpenAI's clients understand it. There is no `[DONE]`."""
        self._out.write(b"data: " + error.to_json() + b"\n\n")
        self._out.end()


class Lane:
    """
    The Out of one attempt, held back until there is content.

    A stream's first events often say nothing (a role, an empty text). As long as they do, another attempt can still take over, or an error be told
    by its status.

    Attributes:
        is_owner: whether what's written here reaches the client.
    """

    __slots__ = (
        "_begun_at",
        "_book",
        "_goes_on",
        "_head",
        "_held",
        "_held_bytes",
        "_now",
        "_on_first",
        "_reply",
        "_usage",
        "_way",
        "is_owner",
    )

    def __init__(self, reply: Reply, way: Way, now: Callable[[], float]) -> None:
        self._reply = reply
        self._way = way
        self._now = now
        self._book: Callable[[int, float], None] | None = None
        self._begun_at = 0.0
        self._on_first: Callable[[], None] | None = None
        self._usage: Usage | None = None
        self._head: tuple[int, Headers] | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._goes_on = reply.has_content
        self.is_owner = False

    def has_token(self) -> bool:
        """Whether the first token has come."""
        return self.is_owner

    def tell_first(self, on_first: Callable[[], None]) -> None:
        """Call `on_first` when this attempt's answer becomes the client's."""
        self._on_first = on_first

    def note_usage(self, usage: Usage) -> None:
        """Hear what the upstream counted; a head that goes out later has the cost."""
        self._usage = usage

    def book_by(self, book: Callable[[int, float], None]) -> None:
        """Call `book` with the status and the time of the first byte before the client gets the end of an answer, if this is to be the client's."""
        self._book = book

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Send all of it."""
        if self._try_own():
            self._book_whole(status)
            self._reply.full(self._way, self._usage, status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """Remember the head for the first content."""
        self._head = (status, headers)
        self._begun_at = self._now()

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Send a piece, once there is content."""
        if self.is_owner:
            self._reply.has_moved = True
            return self._reply.transcript.write(chunk)
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if has_content(chunk) or self._held_bytes > HELD_BYTES:
            return self._release()
        return None

    def end(self) -> None:
        """Send the end; an empty answer has a head too."""
        if not self.is_owner:
            self._release()
        if self.is_owner:
            self._book_whole(self._head[0] if self._head is not None else 200)
            self._reply.transcript.end()

    def disown(self) -> None:
        """The attempt has failed: another may go on where it stopped."""
        if self.is_owner:
            self.is_owner = False
            self._reply.taken_by = 0

    def _try_own(self) -> bool:
        """Take the Reply, unless another attempt has it, or has written to it since this one began: then this one's answer doesn't fit on."""
        reply = self._reply
        if not reply.taken_by and reply.has_content == self._goes_on:
            reply.take(self._way)
            self.is_owner = True
            if self._on_first is not None:
                self._on_first()
        return self.is_owner

    def _book_whole(self, status: int) -> None:
        book, self._book = self._book, None
        if book is not None:
            book(status, self._begun_at or self._reply.taken_at)

    def _release(self) -> "Future[None] | None":
        """The head, and all that was held."""
        if not self._try_own():
            self._held.clear()
            return None
        if self._head is not None:  # a continuation has none
            self._reply.start(self._way, *self._head)
        self._reply.has_moved = True
        held, self._held = b"".join(self._held), []
        return self._reply.transcript.write(held) if held else None


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
        *_route_headers(target.name, plan.reason, way.number, way.fallbacks),
        *way.call.limit_headers,
    ]
    cost_nusd = cost_of(usage, target, way.wildcard)
    if cost_nusd is not None:
        cost = b"%d.%09d" % divmod(cost_nusd, 1_000_000_000)
        headers += ((b"x-turnout-cost", cost), (b"x-litellm-response-cost", cost))
    return headers


@lru_cache(maxsize=1024)
def _route_headers(target: str, reason: str, number: int, fallbacks: int) -> Headers:
    """The lines that are the same for every request that goes the same way."""
    name = target.encode()
    return (
        (b"x-turnout-target", name),
        (b"x-turnout-route-reason", reason.encode()),
        (b"x-turnout-attempts", b"%d" % number),
        (b"x-litellm-model-id", name),
        (b"x-litellm-attempted-retries", b"%d" % max(0, number - 1 - fallbacks)),
        (b"x-litellm-attempted-fallbacks", b"%d" % fallbacks),
    )
