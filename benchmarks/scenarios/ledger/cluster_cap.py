"""A thousand requests at once, at two whole routers of a cluster, with a key that may spend one dollar."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import uvloop

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway, start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.upstream import MODEL, Pace, start_upstream
from turnout.benchmarks.scenarios.ledger.admin import post_admin, wait_until_known
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.models.http.collect import Answer, call
from turnout.models.http.pool import PoolLimits
from turnout.models.http.upstream import HttpUpstream
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest
from turnout.serve.control.state_dir import STORE_FILE

REQUESTS = 1000
COMPLETION_TOKENS = 50
OUTPUT_COST = "0.000047"
"""USD a token: 425 answers of the mock are 0.99875 USD."""

ANSWER_S, BOOKED_S = 120.0, 10.0
USD = 1_000_000_000


def measure_cluster_cap(setup: LedgerSetup) -> Findings:
    """`overspend_usd_two_routers` and `budget_used_two_routers`."""
    prices = {"input_cost_per_token": "0", "output_cost_per_token": OUTPUT_COST}
    with start_upstream() as upstream:
        model = RemoteModel(MODEL, upstream.base_url, MODEL, target=prices)
        with start_gateway([model], replicas=2) as gateway:
            gateway.wait_for_replicas(2, 60.0)
            upstream.set_pace(Pace(delay_ms=200.0))
            key = str(post_admin(gateway, "/key/generate", {"max_budget": 1})["key"])
            wait_until_known(gateway, key)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                answered = runner.run(_ask_all(gateway, key, setup.randomness))
            store = gateway.config.state_dir / STORE_FILE
            spent_usd = _wait_until_booked(store, answered) / USD
            by_router = _read_settled(store)
    parts = " and ".join(f"{nusd / USD:.3f}" for nusd in by_router.values())
    remark = f"{answered} of {REQUESTS} answered; by router {parts} USD"
    return Findings(
        [
            Finding("overspend_usd_two_routers", max(0.0, spent_usd - 1.0), remark),
            Finding("budget_used_two_routers", spent_usd, remark),
        ],
        {"two_routers_settled_nusd": by_router},
    )


async def _ask_all(gateway: Gateway, key: str, randomness: random.Random) -> int:
    headers = ((b"authorization", b"Bearer " + key.encode()),)
    router = Endpoint("router", "127.0.0.1", gateway.config.port, base_path="/v1", headers=headers)
    upstream = HttpUpstream(PoolLimits(connections=REQUESTS))
    try:
        answers = await asyncio.gather(
            *(_ask(upstream, router, random.Random(randomness.random())) for _ in range(REQUESTS))
        )
    finally:
        await upstream.close()
    return sum(answers)


async def _ask(upstream: HttpUpstream, router: Endpoint, randomness: random.Random) -> bool:
    """One caller, who tries again when told to, as OpenAI's client does; whether it was answered."""
    body = {
        "model": MODEL,
        "max_tokens": COMPLETION_TOKENS + randomness.randint(0, COMPLETION_TOKENS),
        "messages": [{"role": "user", "content": "hi"}],
    }
    request = UpstreamRequest("/chat/completions", msgspec.json.encode(body), is_stream=False)
    while True:
        answer = await call(upstream, router, request, ANSWER_S)
        if answer.status == 200:
            return True
        if not _may_come_back(answer):
            return False
        await asyncio.sleep(randomness.uniform(0.5, 1.0))


def _may_come_back(answer: Answer) -> bool:
    """Whether the money is only held by others, which is told apart from a budget that is spent by its error's type."""
    return answer.status in (429, 503) and b"budget_exceeded" not in answer.body


def _wait_until_booked(store: Path, answered: int) -> int:
    """What the ledger and the budget count, whichever is more, once all answers have their row."""
    ends_at = time.monotonic() + BOOKED_S
    while True:
        with sqlite3.connect(store) as connection:
            (rows, nusd) = connection.execute("SELECT count(*), coalesce(sum(cost_nusd), 0) FROM ledger").fetchone()
            (counted,) = connection.execute("SELECT coalesce(sum(spent_nusd), 0) FROM budget_state").fetchone()
        if rows >= answered or time.monotonic() > ends_at:
            return max(int(nusd), int(counted))
        time.sleep(0.1)


def _read_settled(store: Path) -> Mapping[str, int]:
    with sqlite3.connect(store) as connection:
        return dict(connection.execute("SELECT router, settled_nusd FROM lease ORDER BY router"))
