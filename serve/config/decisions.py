"""Which decisions of routing are written down, and for how long."""

from typing import Annotated

from pydantic import Field

from turnout.serve.config.fields import Settings


class DecisionSettings(Settings):
    """
    Why requests went where they did, kept by Control for `turnout replay` and `turnout tune`. Nothing of a prompt or an answer is in it.

    Attributes:
        share: of all requests; those that needed more than one attempt are kept beside them, up to 20 a second from each router. 0 keeps none.
        keep_days: how long.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.01
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 7.0
