"""Writes what replaying and tuning have found, for people."""

from collections.abc import Iterator

from turnout.serve.cli.screen import align
from turnout.serve.replay.difference import Change, Difference
from turnout.serve.replay.tuning import Proposal, write_strategy

UNKNOWN = (
    "What this can't know:",
    "  a target answers what it never had like what it had: lengths and failures too",
    "  where more goes, it gets slower, as far as such load has been seen there",
    "  who was left out then (residency, capabilities, health) is left out now",
    "  cached prompts, sessions and callers' regions and tasks aren't recorded",
)


def write_difference(found: Difference) -> Iterator[str]:
    """What changes for one model."""
    yield f"{found.model}: {found.requests:,} requests, standing for about {found.stand_for:,.0f}; {found.moved:.1%} go elsewhere"
    yield from _write_changes(found)
    for line in align([(name, f"{old:.1%}", "->", f"{new:.1%}") for name, (old, new) in found.shares.items()]):
        yield f"    {line}"
    if found.unanswered:
        yield f"  {found.unanswered:,} requests have nobody to answer them, and are left out"


def write_proposal(proposal: Proposal) -> Iterator[str]:
    """What is proposed for one model."""
    if proposal.routing is None:
        yield f"{proposal.model}: stay with {proposal.now}: {proposal.why_not}"
        return
    yield f"{proposal.model}: {write_strategy(proposal.routing)} instead of {proposal.now}"
    if proposal.difference is not None:
        yield from _write_changes(proposal.difference)


def _write_changes(found: Difference) -> Iterator[str]:
    cost = found.cost_usd
    if cost is None:
        yield "  cost: no price is known"
    else:
        thousand = Change(cost.before * 1e3, cost.after * 1e3, cost.low * 1e3, cost.high * 1e3)
        less = f"; {found.unpriced:,} requests without a price are left out" if found.unpriced else ""
        yield f"  cost of 1,000 requests  {_write_change(thousand, '.4f')} USD{less}"
    shares = found.in_time
    percent = Change(shares.before * 1e2, shares.after * 1e2, shares.low * 1e2, shares.high * 1e2)
    yield f"  in time                 {_write_change(percent, '.2f')} %"


def _write_change(change: Change, form: str) -> str:
    before, after = format(change.before, form), format(change.after, form)
    return f"{before} -> {after}, by {change.by:+{form}} (95 %: {change.low:+{form}} to {change.high:+{form}})"
