"""
Throws mutated requests and rubbish at the edge's protocol, and checks what must hold for any bytes.

    python -m tests.fuzz.edge_bytes 1000000 [SEED]

For every input: nothing is raised, no answer is a 500, answers are well-formed, what a handler sees has been checked, it sees the same however the
bytes were cut into pieces, and it reads each request as h11 does.
"""

import asyncio
import itertools
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence

import h11

from tests.contracts.edge.wire import get, post
from tests.fakes_edge import EdgeRig
from turnout.benchmarks.hostile_requests import ALL
from turnout.models.exchange import Out, RequestHead
from turnout.serve.edge.config import EdgeLimits

LIMITS = EdgeLimits(header_bytes=2048, body_bytes=1024)
INVITATION = b"HTTP/1.1 100 Continue\r\n\r\n"
GOOD = (
    get(b"/v1/models"),
    get(b"/a?b=c", b"connection: close"),
    post(b'{"model": "m"}', b"/v1/chat/completions", b"content-type: application/json"),
    post(b"x" * 200, b"/", b"expect: 100-continue"),
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
    get() + post(b"abc", b"/2") + get(b"/3"),
    b"\r\n" + get(b"http://test/x"),
    get(b"/", b"connection: upgrade", b"upgrade: h2c"),
)
SEEDS = (*GOOD, *(each.data for each in ALL if 0 < len(each.data) < 2000))
WORDS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b",",
        b";",
        b"\r\n ",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"#",
        b"%00",
    ),
    *(
        b"Content-Length: 5\r\n",
        b"content-length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: a\r\n",
        b"Connection: close\r\n",
    ),
    *(
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"GET / HTTP/1.1\r\n",
        b"Expect: 100-continue\r\n",
        b"chunked",
        b"identity",
        b"\x80",
        b"\xff",
        b"\x0b",
        b"\x7f",
    ),
)
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(?:[a-z0-9-]+: [^\r\n]*\r\n)*\r\n")
REFUSALS = frozenset((400, 408, 413, 417, 431, 501, 505))


class Visit:
    """One connection to an edge of its own: what was sent, and what came of it."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.requests: list[tuple[RequestHead, bytes]] = []
        self.rig = EdgeRig(self._answer, LIMITS)
        connection, self._transport = self.rig.connect()
        for piece in pieces:
            if piece and not self._transport.is_closed:
                connection.data_received(piece)

    def statuses(self) -> list[int]:
        """Of every answer but 100; fails if what was written isn't a row of whole answers."""
        self.rig.outflow.flush()
        written = self._transport.written
        found = []
        while written:
            match = ANSWER.match(written)
            assert match, written
            length = re.search(rb"content-length: (\d+)", match[0])
            written = written[match.end() + (int(length[1]) if length and match[0] != INVITATION else 0) :]
            if match[0] != INVITATION:
                found.append(int(match[1]))
        return found

    def check(self) -> list[int]:
        """What must hold for any bytes; returns the statuses."""
        statuses = self.statuses()
        served = [status for status in statuses if status == 200]
        assert len(served) == len(self.requests)
        assert set(statuses) <= REFUSALS | {200}
        assert served == statuses[: len(served)], "something was served after a refusal"
        for head, body in self.requests:
            _check_request(head, body)
        return statuses

    async def _answer(self, head: RequestHead, body: bytes, out: Out) -> None:
        self.requests.append((head, body))
        out.full(200, (), b"" if head.method == b"HEAD" else b"ok")


async def check(data: bytes, pieces: Sequence[bytes]) -> str:
    """
    Send `data` whole and in pieces, and check both.

    Returns:
        `served`, `refused` or `waiting` (for more bytes).
    """
    whole, cut = Visit([data]), Visit(pieces)
    while whole.rig.traffic.answering or cut.rig.traffic.answering:
        await asyncio.sleep(0)
    statuses = whole.check()
    cut.check()
    assert whole.requests == cut.requests, "cutting the bytes changed what a handler sees"
    if whole.requests:
        _compare_with_h11(data, *whole.requests[0])
    if set(statuses) - {200}:
        return "refused"
    return "served" if statuses else "waiting"


def mutate(draw: random.Random) -> bytes:
    """A request with up to six faults, or plain rubbish."""
    if draw.random() < 0.02:
        return draw.randbytes(draw.randrange(200))
    data = bytearray(draw.choice(GOOD if draw.random() < 0.6 else SEEDS))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        at = draw.randrange(len(data) + 1)
        to = min(len(data), at + draw.randrange(12))
        kind = draw.randrange(6)
        if kind == 0:
            data[at:to] = b""
        elif kind == 1:
            data[at:at] = draw.choice(WORDS)
        elif kind == 2:
            data[at : at + 1] = draw.randbytes(1)
        elif kind == 3:
            data[at:at] = data[at:to]
        elif kind == 4:
            data[at:to] = draw.choice(WORDS)
        else:
            data[at:] = draw.choice(SEEDS)[draw.randrange(40) :]
    return bytes(data)


def cut(data: bytes, draw: random.Random) -> list[bytes]:
    """The bytes in one to five pieces, or one by one."""
    if draw.random() < 0.05:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(5)))
    return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]


async def run(count: int, seed: int) -> Counter[str]:
    """Throw `count` mutated inputs; a failure names its input."""
    draw = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        data = mutate(draw)
        pieces = cut(data, draw)
        try:
            outcomes[await check(data, pieces)] += 1
        except Exception as error:
            raise AssertionError(f"input {number} of seed {seed}: {data!r} in {pieces!r}") from error
    assert await check(GOOD[0], [GOOD[0]]) == "served"
    return outcomes


def _check_request(head: RequestHead, body: bytes) -> None:
    assert head.path.startswith(b"/") or (head.path, head.method) == (b"*", b"OPTIONS")
    assert re.fullmatch(rb"[\x21\x22\x24-\x3e\x40-\x7e]+", head.path)
    assert len(body) <= LIMITS.body_bytes
    for name, value in head.headers.items():
        assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9a-z-]+", name)
        assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$", value)
    assert not (b"content-length" in head.headers and b"transfer-encoding" in head.headers)


def _compare_with_h11(data: bytes, head: RequestHead, body: bytes) -> None:
    """The first request, as another strict parser reads it. What only h11 refuses is no fault: it knows no absolute limit on blanks and the like."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(data.removeprefix(b"\r\n"))
    content = b""
    try:
        request = peer.next_event()
        while isinstance(event := peer.next_event(), h11.Data):
            content += event.data
    except h11.RemoteProtocolError:
        return
    assert isinstance(request, h11.Request)
    assert (request.method, content) == (head.method, body)
    path, _, query = request.target.partition(b"?")
    assert query == head.query
    assert path.endswith(head.path) or head.path == b"/"


if __name__ == "__main__":
    began = time.monotonic()
    total, first_seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    result = asyncio.run(run(total, first_seed))
    print(f"{total} inputs, seed {first_seed}: {dict(result)} in {time.monotonic() - began:.0f} s")
