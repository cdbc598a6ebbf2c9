"""Schema version 3: the tables of `schema/money.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.money import MONEY

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Make them."""
    create(MONEY)
