"""Schema version 5: the tables of `schema/decisions.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.decisions import DECISIONS

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Make them."""
    create(DECISIONS)
