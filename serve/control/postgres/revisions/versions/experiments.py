"""Schema version 6: the tables of `schema/experiments.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.experiments import EXPERIMENTS

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Make them."""
    create(EXPERIMENTS)
