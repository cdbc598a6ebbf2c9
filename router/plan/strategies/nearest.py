"""Prefers what is near the caller."""

import math
from collections.abc import Mapping, Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query

Place = tuple[float, float]
"""Latitude and longitude, degrees."""

_HALF_ROUND_KM = 20_038.0
_RADIUS_KM = 6_371.0
FAR = 0.1
"""The score of another region whose place isn't known, and of what has no region: behind every place less than 18,000 km away."""


class Nearest:
    """
    1 for the region where the caller is (`x-turnout-region`, else the gateway's own), less with the distance to others.

    Where both places are known the score falls with the great circle between them, to 0 at the antipodes.
    """

    def __init__(self, home: str, places: Mapping[str, Place]) -> None:
        """
        Args:
            home: the gateway's own region, or "".
            places: of regions, as far as they are configured.
        """
        self._home = home
        self._places = places

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        here = query.features.region or self._home
        return [self._rate(here, c.target.region) for c in candidates]

    def _rate(self, here: str, there: str) -> float:
        if here == there:
            return 1.0
        places = self._places
        if here not in places or there not in places:
            return FAR
        return max(0.0, 1.0 - distance_km(places[here], places[there]) / _HALF_ROUND_KM)


def distance_km(one: Place, other: Place) -> float:
    """Along the great circle, by the haversine formula."""
    (lat, lon), (to_lat, to_lon) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((to_lat - lat) / 2) ** 2 + math.cos(lat) * math.cos(to_lat) * math.sin((to_lon - lon) / 2) ** 2
    return 2 * _RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))
