"""What routers and Control say to each other on `/internal/watch`; rows travel as `turnout.models.ledger.Journal`."""

import math

import msgspec

from turnout.models.catalog.rates import Quotes
from turnout.models.decision import Decision
from turnout.router.directory import KeyChanges
from turnout.router.limit.share import EMPTY, NOTHING, Lease, Levels, Share
from turnout.serve.config.overlay import Overlay

POLL_S = 0.5
"""Longest that Control holds a report back when there's no news."""

LEASE_S = 1.0
"""A router that hasn't reported for so long doesn't count any more: an admin change no longer waits for it."""


class TargetReport(msgspec.Struct, frozen=True, array_like=True):
    """
    One target as one router sees it.

    Attributes:
        name: the target's.
        state: in a word: `ready`; `drained`; `empty` (no endpoints); `open` or `half_open` as its breaker is; `ejected` (every endpoint has failed
            lately); `resting` (every endpoint or key is left alone, some of them for a rate limit or a refused key).
        endpoints: addresses known; each key of a provider counts as one.
        in_flight: requests at it from this router.
        waiting: requests in line for it.
        breaker: `closed`, `half_open` or `open`; "" where it has none.
        resting: endpoints that are left alone for now.
    """

    name: str
    state: str
    endpoints: int
    in_flight: int
    waiting: int
    breaker: str = ""
    resting: int = 0


class Found(msgspec.Struct, frozen=True, array_like=True):
    """
    What a router remembers of a request.

    Attributes:
        asked: the id that Control asked for.
        decisions: every attempt, in order; none where it doesn't know the request.
    """

    asked: str
    decisions: tuple[Decision, ...]


class RouterReport(msgspec.Struct, frozen=True, array_like=True):
    """
    What a router says of itself, which renews its lease and acknowledges an overlay.

    Attributes:
        router: its replica's id.
        node: where it runs.
        have_version: version of the overlay it applies; -1 for none yet.
        config: fingerprint of the settings it serves; "" if it has none that it could accept.
        accepted: those settings as JSON: with the first report after each `reconfigure` that it accepted, and when Control asks; else None.
        rejected: why it refused newer settings, or "".
        in_flight: requests it's answering.
        targets: all of its targets.
        have_directory: version of the directory that it goes by; -1 for none yet.
        limit_share: what it has of every limit.
        limit_levels: how full the limits are that it has given a part of away with this report, or None if it hasn't.
        have_ledger: id of the ledger that it knows; "" for none yet.
        have_prices: version of the quotes that it goes by; "" for none.
        found: of the requests that Control asked for with its last answer.
        limit_lease_s: how long it may keep its share; inf for as long as it's told nothing else, and 0 if it has cut it.
    """

    router: str
    node: str
    have_version: int
    config: str
    accepted: bytes | None
    rejected: str
    in_flight: int
    targets: tuple[TargetReport, ...]
    have_directory: int = -1
    limit_share: Share = NOTHING
    limit_levels: Levels | None = None
    have_ledger: str = ""
    limit_lease_s: float = math.inf
    have_prices: str = ""
    found: tuple[Found, ...] = ()


class WatchAnswer(msgspec.Struct, frozen=True, array_like=True):
    """
    What Control answers, at once when there's news and after `POLL_S` otherwise.

    Attributes:
        overlay: to be applied, or None if the router has it.
        accepted: the settings that were last accepted, as JSON, for a router that has none; else None.
        wants_config: Control holds no settings: send them as `accepted` with the next report.
        directory: what changed of the keys since the version that the router has, or None if it has the last.
        limit_share: what it's to have of every limit from now on, or None for what it has.
        limit_levels: how full the limits are in what is new of that.
        ledger: id of Control's ledger, or "" if the router has it.
        prices: what targets cost by the price table, or None if the router has that.
        wants_decisions: ids of requests: what is remembered of them is to come with the next report, at once.
        limit_lease: how long it may keep that, or None for as long as it knows.
    """

    overlay: Overlay | None
    accepted: bytes | None
    wants_config: bool
    directory: KeyChanges | None = None
    limit_share: Share | None = None
    limit_levels: Levels = EMPTY
    ledger: str = ""
    limit_lease: Lease | None = None
    prices: Quotes | None = None
    wants_decisions: tuple[str, ...] = ()
