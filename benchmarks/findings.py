"""What a scenario hands back: values by the names of figures, and the raw samples that they were made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A value for a figure.

    Attributes:
        name: of the figure.
        value: None if it couldn't be measured.
        remark: why not; or what helps to read the value.
    """

    name: str
    value: float | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """
    What one scenario found.

    Attributes:
        values: for its figures.
        samples: whatever was measured on the way, as JSON takes it.
    """

    values: Sequence[Finding]
    samples: Mapping[str, Any] = field(default_factory=dict)
