"""The order of a waiting line: lanes of priority, in a lane tenants by their share in tokens, and a tenant's own by deadline."""

import asyncio
import bisect
import enum
import math
from collections.abc import Iterator

import msgspec

PASSED_OVER = 16
"""Of so many turns taken while worse lanes wait, one goes to a worse lane, so that none of them waits for ever."""

RESTED = 1024
"""Tenants of a lane whose last use is remembered though they have nobody waiting now."""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """
    What somebody who may have to wait brings along.

    Attributes:
        priority: its lane; lower is sooner.
        deadline_at: event-loop time.
        tenant: who shares a lane with the others.
        share: the tenant's, against the others' shares; above 0.
        tokens: what the request costs the tenant, as far as that's known before; above 0.
    """

    priority: int
    deadline_at: float
    tenant: str = ""
    share: float = 1.0
    tokens: int = 1


class Verdict(enum.Enum):
    """How somebody's wait ended."""

    ENTERED = "entered"
    SHED = "shed"
    LATE = "late"


class Waiter:
    """One who waits: its claim, when it came, and what ends the wait."""

    __slots__ = ("arrival", "claim", "turn")

    def __init__(self, claim: Claim, arrival: int, turn: "asyncio.Future[Verdict]") -> None:
        self.claim = claim
        self.arrival = arrival
        self.turn = turn


class FairShare:
    """
    Owns the waiters of one line, in the order in which they have their turn; without time and I/O.

    The best lane goes first, but for every 16th turn. In a lane it's start-time fair queueing: a tenant's next turn has a virtual time, each turn
    moves it on by tokens / share, and the least is next. Who comes back from having nobody in line begins where the lane is, or where its own last
    turn left it if that's later: being idle saves nothing up, and leaving forgives nothing while others still wait.

    Source: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996. It needs no length known beforehand to be fair, unlike weighted fair
    queueing; `correct` sets right what was estimated.
    """

    def __init__(self) -> None:
        self._lanes: list[_Lane] = []
        self._size = 0
        self._turns = 0  # taken while a worse lane waited

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<FairShare {self._size} in {len(self._lanes)} lanes>"

    def by_priority(self) -> Iterator[tuple[int, int]]:
        """Each lane's priority, and how many wait there."""
        return ((lane.priority, lane.size) for lane in self._lanes)

    def add(self, waiter: Waiter) -> None:
        """Put a waiter in its place."""
        priority = waiter.claim.priority
        lane = self._find_lane(priority)
        if lane is None:
            lane = _Lane(priority, self._turns)
            bisect.insort(self._lanes, lane, key=_priority)
        lane.add(waiter)
        self._size += 1

    def take(self) -> Waiter:
        """The one whose turn it is; at least one must wait."""
        lane = self._lanes[0]
        if len(self._lanes) > 1:
            self._turns += 1
            if self._turns % PASSED_OVER == 0:
                lane = min(self._lanes[1:], key=_last_turn)
        lane.last_turn = self._turns
        waiter = lane.take()
        self._note_gone(lane)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Forget a waiter, if it's there."""
        lane = self._find_lane(waiter.claim.priority)
        if lane is not None and lane.try_remove(waiter):
            self._note_gone(lane)

    def try_shed(self, claim: Claim) -> Waiter | None:
        """
        Take out one that has less right to a place than `claim`, if there's one.

        It's of the worst lane, of the tenant that has the most places there for its share, and the one with the latest deadline. In a claim's own
        lane a tenant gives up a place only to one that has fewer for its share, even after the exchange.
        """
        if not self._lanes or self._lanes[-1].priority < claim.priority:
            return None
        lane = self._lanes[-1]
        crowd = lane.most_crowded()
        if lane.priority == claim.priority and not lane.is_worse(crowd, claim):
            return None
        waiter = crowd.waiters[-1][2]
        lane.try_remove(waiter)
        self._note_gone(lane)
        return waiter

    def places_before(self, claim: Claim) -> int:
        """About how many turns others would have before `claim`, if nobody came after it."""
        better, worse, within = 0, 1, 0
        for lane in self._lanes:
            if lane.priority < claim.priority:
                better += lane.size
            elif lane.priority == claim.priority:
                within = lane.places_before(claim)
            worse += lane.priority != claim.priority
        return min(better + within, (within + 1) * PASSED_OVER * worse) if better else within

    def correct(self, claim: Claim, tokens: int) -> None:
        """Hear how many tokens a claim that had its turn has used; what its tenant wasn't charged for, or too much, counts from its next turn on."""
        lane = self._find_lane(claim.priority)
        if lane is not None:
            lane.charge(claim.tenant, (tokens - claim.tokens) / claim.share)

    def _find_lane(self, priority: int) -> "_Lane | None":
        place = bisect.bisect_left(self._lanes, priority, key=_priority)
        if place < len(self._lanes) and self._lanes[place].priority == priority:
            return self._lanes[place]
        return None

    def _note_gone(self, lane: "_Lane") -> None:
        self._size -= 1
        if not lane.size:
            self._lanes.remove(lane)


class _Party:
    """One tenant's waiters in a lane, by deadline, and the virtual time of its next turn; at least one waits."""

    __slots__ = ("share", "start", "tenant", "units", "waiters")

    def __init__(self, tenant: str, start: float) -> None:
        self.tenant = tenant
        self.start = start
        self.share = 1.0
        self.units = 0.0  # tokens / share of all of them
        self.waiters: list[tuple[float, int, Waiter]] = []

    def __lt__(self, other: "_Party") -> bool:
        return self.start < other.start

    @property
    def crowding(self) -> float:
        """Places taken, for its share."""
        return len(self.waiters) / self.share


class _Lane:
    """The waiters of one priority."""

    __slots__ = ("_now", "_order", "_parties", "_rested", "last_turn", "priority", "size")

    def __init__(self, priority: int, turn: int) -> None:
        self.priority = priority
        self.last_turn = turn
        self.size = 0
        self._now = 0.0  # virtual: where the last turn began
        self._parties: dict[str, _Party] = {}
        self._order: list[_Party] = []
        self._rested: dict[str, float] = {}

    def add(self, waiter: Waiter) -> None:
        claim = waiter.claim
        party = self._parties.get(claim.tenant)
        if party is None:
            party = _Party(claim.tenant, max(self._now, self._rested.pop(claim.tenant, 0.0)))
            self._parties[claim.tenant] = party
            bisect.insort(self._order, party)
        party.share = claim.share
        party.units += claim.tokens / claim.share
        bisect.insort(party.waiters, (claim.deadline_at, waiter.arrival, waiter))
        self.size += 1

    def take(self) -> Waiter:
        party = self._order.pop(0)
        self._now = party.start
        waiter = party.waiters.pop(0)[2]
        units = waiter.claim.tokens / waiter.claim.share
        party.start += units
        party.units -= units
        self.size -= 1
        if party.waiters:
            bisect.insort(self._order, party)
        else:
            self._rest(party)
        return waiter

    def try_remove(self, waiter: Waiter) -> bool:
        claim = waiter.claim
        party = self._parties.get(claim.tenant)
        if party is None:
            return False
        place = bisect.bisect_left(party.waiters, (claim.deadline_at, waiter.arrival))
        if place == len(party.waiters) or party.waiters[place][2] is not waiter:
            return False
        del party.waiters[place]
        party.units -= claim.tokens / claim.share
        self.size -= 1
        if not party.waiters:
            self._order.remove(party)
            self._rest(party)
        return True

    def most_crowded(self) -> _Party:
        return max(self._order, key=_crowding)

    def is_worse(self, party: _Party, claim: Claim) -> bool:
        """Whether `party` has more places than the claim's tenant for their shares, even if it gives one to the claim."""
        own = self._parties.get(claim.tenant)
        places = 1 if own is None else len(own.waiters) + 1
        return party is not own and (len(party.waiters) - 1) / party.share >= places / claim.share

    def places_before(self, claim: Claim) -> int:
        own = self._parties.get(claim.tenant)
        places, start = 0, max(self._now, self._rested.get(claim.tenant, 0.0))
        if own is not None:
            places = bisect.bisect(own.waiters, (claim.deadline_at, math.inf))
            start = own.start + places * own.units / len(own.waiters)
        for party in self._order:
            if party.start > start:
                break
            if party is not own:
                waiting = len(party.waiters)
                places += min(waiting, 1 + int((start - party.start) * waiting / party.units))
        return places

    def charge(self, tenant: str, units: float) -> None:
        party = self._parties.get(tenant)
        if party is not None:
            self._order.remove(party)
            party.start = max(self._now, party.start + units)
            bisect.insort(self._order, party)
        elif tenant in self._rested:
            self._rested[tenant] = max(self._now, self._rested[tenant] + units)

    def _rest(self, party: _Party) -> None:
        del self._parties[party.tenant]
        self._rested[party.tenant] = party.start
        if len(self._rested) > RESTED:
            del self._rested[next(iter(self._rested))]


def _priority(lane: _Lane) -> int:
    return lane.priority


def _last_turn(lane: _Lane) -> int:
    return lane.last_turn


def _crowding(party: _Party) -> float:
    return party.crowding
