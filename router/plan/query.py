"""What planning is asked."""

from collections.abc import Collection

import msgspec

from turnout.router.plan.fleet import Candidate
from turnout.router.values import Constraints, Features


class Query(msgspec.Struct, frozen=True):
    """
    Where should one attempt go?

    Attributes:
        constraints: what must hold there.
        features: what the request looks like.
        now: loop time.
        tenant: who pays, where that bounds who may answer.
        tried: those that are out because they were tried before.
        even_ejected: take endpoints too that have failed several times in a row, and targets beyond their share: when everything looks broken, trying
            is better than refusing.
    """

    constraints: Constraints
    features: Features
    now: float
    tried: Collection[Candidate] = ()
    even_ejected: bool = False
    tenant: str = ""

    @property
    def left_s(self) -> float:
        """Seconds that the caller gives an attempt for its first token."""
        constraints = self.constraints
        left_s, first_s = constraints.deadline_at - self.now, constraints.first_token_s
        return left_s if first_s is None or left_s < first_s else first_s
