"""An answer is booked before its client has the end of it: a router that's killed in the next moment has the row already."""

import json
from dataclasses import dataclass, field

import pytest

from tests.fakes import FakeOut, FakeUpstream, Script, answers, head, outcome, streams
from tests.gateways import ANSWER, CHAT, REMOTE, STREAM, Rig, catalogue
from turnout.models.exchange import Headers, Out
from turnout.models.ledger import LedgerEntry
from turnout.models.openai.request import Operation
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Outcome, UpstreamRequest

TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
FINISH = (
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":21,"completion_tokens":50}}\n\n'
)


@dataclass
class Watched(FakeOut):
    """An Out that looks at the ledger when the end comes."""

    ledger: list[LedgerEntry] = field(default_factory=list)
    booked: list[LedgerEntry] = field(default_factory=list)

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        self.booked = [*self.ledger]
        super().full(status, headers, body)

    def end(self) -> None:
        self.booked = [*self.ledger]
        super().end()


async def post(body: bytes, *scripts: Script) -> tuple[Watched, list[LedgerEntry]]:
    rig = Rig(FakeUpstream(*scripts), catalogue(REMOTE))
    out = Watched(ledger=rig.sink.entries)
    await rig.gateway.handle(Operation.CHAT, head(), body, out)
    return out, rig.sink.entries


@pytest.mark.parametrize(("body", "script"), [(CHAT, answers(ANSWER)), (STREAM, streams(TEXT, FINISH))])
async def test_the_row_is_there_before_the_end_of_the_answer_and_is_the_only_one(body: bytes, script: Script) -> None:
    out, rows = await post(body, script)
    assert out.is_ended
    assert out.booked == rows
    (row,) = rows
    assert (row.status, row.failure, row.input_tokens, row.output_tokens) == (200, "", 21, 50)
    assert row.cost_nusd == 442_000
    assert row.first_byte_us is not None
    assert 0 <= row.first_byte_us <= row.total_us


async def test_attempts_that_failed_before_are_booked_by_then_too() -> None:
    out, rows = await post(STREAM, streams(failure=Failure.RESET), streams(TEXT, FINISH))
    assert out.booked == rows
    assert [(row.attempt, row.failure) for row in rows] == [(1, "reset"), (2, "")]


async def test_a_stream_that_lost_only_its_last_bytes_is_booked_as_the_wire_had_it() -> None:
    out, rows = await post(STREAM, streams(TEXT, FINISH, failure=Failure.RESET))
    assert out.body.endswith(b"data: [DONE]\n\n")
    assert out.booked == rows
    assert [row.failure for row in rows] == ["reset"]


async def test_a_rest_that_another_attempt_wrote_is_booked_before_the_end() -> None:
    rest = {"choices": [{"delta": {"content": "and more of it"}, "finish_reason": "stop"}]}

    async def go_on(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        del endpoint, request
        out.start(200, ((b"content-type", b"text/event-stream"),))
        out.write(b"data: " + json.dumps(rest).encode() + b"\n\n")
        out.end()
        return outcome(is_committed=True)

    out, rows = await post(STREAM, streams(TEXT, failure=Failure.RESET), go_on)
    assert out.booked == rows
    assert [row.attempt for row in rows] == [1, 2]
    assert rows[1].first_byte_us is not None
    assert 0 <= rows[1].first_byte_us <= rows[1].total_us
