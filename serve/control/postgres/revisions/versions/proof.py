"""Schema version 4: the tables of `schema/proof.py`."""

from turnout.serve.control.postgres.schema import create
from turnout.serve.control.schema.proof import PROOF

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make them."""
    create(PROOF)
