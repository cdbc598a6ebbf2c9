"""Where clusters that share keys and models keep their limits together."""

from typing import Annotated, Literal

from pydantic import Field

from turnout.serve.config.fields import SecretRef, Settings


class CounterSettings(Settings):
    """
    A Redis or Valkey that the Controls of several clusters have in common; then each limit is one for all of them.

    Attributes:
        kind: `redis`, for Valkey too (`pip install 'turnout[redis]'`).
        url: where a URL such as `redis://:PASSWORD@HOST:6379/0` is.
        prefix: of the key on it; clusters with the same one share their limits.
        on_failure: what a cluster does 9.5 s after it last reached it: `keep` the part that it has if all have the same, or `refuse` what is limited.
    """

    kind: Literal["redis"] = "redis"
    url: SecretRef
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$")] = "turnout"
    on_failure: Literal["keep", "refuse"] = "keep"
