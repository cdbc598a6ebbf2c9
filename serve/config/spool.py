"""Where routers keep copies of rows that Control doesn't have yet, and how many."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from turnout.serve.config.fields import Settings, expand_home


class SpoolSettings(Settings):
    """
    Copies of ledger rows and audit events on their way to Control, for the case that a router is killed.

    Attributes:
        folder: on every node with a router, for this user alone; all routers of a node share it. `turnout-spool-UID` in the system's temporary
            folder unless said.
        max_bytes: of one router; rows beyond it wait in its memory only.
    """

    folder: Annotated[Path, AfterValidator(expand_home)] | None = None
    max_bytes: Annotated[int, Field(ge=2 * 1024 * 1024)] = 64 * 1024 * 1024
