"""Keeps requests labelled `local` inside the cluster."""

from turnout.router.plan.fleet import Candidate
from turnout.router.values import Constraints, Features


class ResidencyFilter:
    """A request with `x-turnout-residency: local` goes to local targets only, on every attempt."""

    def refuse(self, candidate: Candidate, constraints: Constraints, features: Features) -> str | None:
        """`not_local`, or None."""
        del features
        return "not_local" if constraints.is_local_only and not candidate.target.is_local else None
