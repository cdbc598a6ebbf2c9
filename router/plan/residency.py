"""Keeps requests labelled `local` inside the cluster."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.values import Constraints, Features


class ResidencyFilter:
    """A request with `x-turnout-residency: local` goes to local targets only, on every attempt."""

    def keep(
        self, candidates: Sequence[Candidate], constraints: Constraints, features: Features, reasons: set[str]
    ) -> Sequence[Candidate]:
        """All of them, unless the request must stay; others leave as `not_local`."""
        del features
        if not constraints.is_local_only:
            return candidates
        local = [candidate for candidate in candidates if candidate.target.is_local]
        if len(local) < len(candidates):
            reasons.add("not_local")
        return local
