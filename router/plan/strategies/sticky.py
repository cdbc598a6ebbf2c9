"""Sends a conversation to where it was before."""

from collections.abc import Sequence
from hashlib import blake2b

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query

MOST_OVER_MEAN = 1.25
"""An endpoint with more in flight than so many times the mean gives its conversations up until it has less."""

_ALL = 2.0**64


class Sticky:
    """
    The endpoint that a session hashes to, the same in every router, and few sessions move when one comes or goes.

    One that is loaded far above the others is passed over, so that no session piles up load. Requests of no session score alike.

    Source: Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit Rates (1998), for the highest random weight; Mirrokni, Thorup and
    Zadimoghaddam, Consistent Hashing with Bounded Loads (2018), for the bound and its 1.25.
    """

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        session = query.features.session
        if not session:
            return [1.0] * len(candidates)
        most = MOST_OVER_MEAN * (1 + sum(c.in_flight for c in candidates)) / len(candidates)
        return [(_weigh(session, c) + (c.in_flight < most)) / 2 for c in candidates]


def _weigh(session: bytes, candidate: Candidate) -> float:
    """A number in [0, 1) that session and endpoint have in common; a mere checksum would send all that one loses to the same other."""
    name = f"{candidate.target.name}\0{candidate.endpoint.id}".encode()
    return int.from_bytes(blake2b(name, digest_size=8, key=session).digest()) / _ALL
