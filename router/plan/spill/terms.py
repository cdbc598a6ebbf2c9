"""What a model's config says about spilling."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spill:
    """
    Targets that are kept in reserve: they answer where the others would be too slow, or aren't there.

    Attributes:
        to: their names.
        nusd_per_hour: what the requests of one tenant may cost there within any hour; None for as much as they do.
    """

    to: frozenset[str]
    nusd_per_hour: int | None = None
