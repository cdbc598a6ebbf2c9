"""Where the prices are of targets that say none themselves."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from turnout.serve.config.fields import Seconds, Settings, expand_home
from turnout.serve.config.remote import BaseUrl


class PricesSettings(Settings):
    """
    A price table, which Control reads and hands to all routers. `docs/prices.md` has its form, and LiteLLM's table is read too.

    Attributes:
        file: on the node that runs Control; read again every `refresh_s`.
        url: or where it's fetched; nothing is fetched unless this is said.
        refresh_s: how often it's read again.
        ttl_s: how long the last good one holds while it can't be read again; prices are unknown then, never 0.
    """

    file: Annotated[Path, AfterValidator(expand_home)] | None = None
    url: BaseUrl | None = None
    refresh_s: Seconds = 3600.0
    ttl_s: Seconds = 7 * 24 * 3600.0

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("prices has either file or url")
        if self.refresh_s > self.ttl_s:
            raise ValueError(
                f"refresh_s ({self.refresh_s:g}) is above ttl_s ({self.ttl_s:g}): prices would be unknown in between"
            )
        return self
