"""A request that spills or is bridged, through the whole line: where it goes, what it says, and who pays."""

from dataclasses import replace

from tests.fakes import FakeUpstream, answers, endpoints
from tests.gateways import ANSWER, LOCAL, REMOTE, Rig, catalogue
from turnout.router.catalogue import Routing
from turnout.router.plan.spill.terms import Spill

COST_NUSD = 442_000
"""Of the fake's answer at the remote target's prices."""


def rig_of(nusd_per_hour: int | None) -> Rig:
    routing = Routing((("balanced", 1.0),), spill=Spill(frozenset({REMOTE.name}), nusd_per_hour))
    return Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, REMOTE, routing=routing), pools={"pool": ()})


async def test_the_remote_bridges_a_pool_without_replicas_until_one_runs() -> None:
    rig = rig_of(None)
    out = await rig.post()
    assert (out.status, out.headers[b"x-turnout-route-reason"]) == (200, b"bridge")
    rig.fleet.set_pool("pool", endpoints("a"))
    out = await rig.post()
    assert out.headers[b"x-turnout-target"] == b"local"


async def test_what_is_local_only_waits_for_its_pool() -> None:
    rig = rig_of(None)
    out = await rig.post(**{"x-turnout-residency": "local"})
    assert out.status == 503
    assert rig.upstream.calls == []


async def test_what_it_cost_counts_and_an_attempt_that_may_cost_more_is_not_begun() -> None:
    target = replace(REMOTE, max_output_tokens=100)
    budget_nusd = 3 * COST_NUSD
    routing = Routing((("balanced", 1.0),), spill=Spill(frozenset({target.name}), budget_nusd))
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, target, routing=routing), pools={"pool": ()})
    statuses = [(await rig.post()).status for _ in range(4)]
    assert statuses[0] == 200
    assert statuses[-1] == 503
    assert sum(row.cost_nusd or 0 for row in rig.sink.entries) <= budget_nusd


async def test_a_caller_who_set_no_limit_gets_one_where_spilling_is_paid_from_a_budget() -> None:
    rig = rig_of(10**12)
    await rig.post()
    ((_, request, _),) = rig.upstream.calls
    assert b'"max_tokens":4096' in bytes(request.body)
