"""Schema version 2: the tables of `schema/directory.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.directory import DIRECTORY

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Make them."""
    create(DIRECTORY)
