"""A provider with a limit on requests: it tells how many are left, and a gateway that heeds it is never refused."""

import pytest

from tests.fakes import FakeClock, FakeOut, FakeUpstream, head
from tests.gateways import CHAT, REMOTE, Rig, catalogue
from turnout.models.exchange import Headers, Out
from turnout.models.target import Endpoint
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.router.catalogue import Retries
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import parse_script

PER_MINUTE = 12


def mock(clock: FakeClock) -> MockProvider:
    script = parse_script({"models": {"*": {"requests_per_minute": PER_MINUTE}}})
    return MockProvider(script, pause=clock.sleep, clock_ns=clock.wall_ns)


async def ask(provider: MockProvider) -> FakeOut:
    out = FakeOut()
    await provider(head(), CHAT, out)
    return out


async def test_answers_tell_what_is_left_and_one_too_many_is_refused_with_the_time_to_come_back() -> None:
    clock = FakeClock()
    provider = mock(clock)
    outs = [await ask(provider) for _ in range(PER_MINUTE + 1)]
    assert [out.status for out in outs] == [200] * PER_MINUTE + [429]
    assert outs[3].headers[b"x-ratelimit-limit-requests"] == b"12"
    assert outs[3].headers[b"x-ratelimit-remaining-requests"] == b"8"
    assert outs[3].headers[b"x-ratelimit-reset-requests"] == b"20.000s"
    assert outs[-1].headers[b"retry-after-ms"] == b"5000"
    clock.advance(5)
    assert (await ask(provider)).status == 200


class Line:
    """A gateway in front of a mock, over a wire that drops the headers about limits or keeps them."""

    def __init__(self, *, keeps_headers: bool) -> None:
        self.statuses: list[int] = []
        self.rig = Rig(FakeUpstream(self.relay), catalogue(REMOTE, retries=Retries(max_attempts=2)))
        self.provider = mock(self.rig.clock)
        self.keeps_headers = keeps_headers

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        got = FakeOut()
        await self.provider(head(), request.body, got)
        self.statuses.append(got.status)
        if got.status == 200:
            out.full(200, (), got.body)
        headers: Headers = [
            line for line in got.headers.items() if self.keeps_headers or not line[0].startswith(b"x-ratelimit")
        ]
        now = self.rig.clock.now()
        return Outcome(got.status, headers, b"" if got.status == 200 else got.body, None, "", True, True, now, now)


@pytest.mark.parametrize("keeps_headers", [True, False])
async def test_refusals_are_avoided_where_the_provider_tells_its_limits(keeps_headers: bool) -> None:
    line = Line(keeps_headers=keeps_headers)
    for _ in range(40):
        await line.rig.post()
        line.rig.clock.advance(1)
    refused = line.statuses.count(429)
    assert refused == 0 if keeps_headers else refused > 5
    assert line.statuses.count(200) == 40
