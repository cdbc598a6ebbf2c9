"""Schema version 1: the tables of `schema/ledger.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.ledger import LEDGER

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make them."""
    create(LEDGER)
