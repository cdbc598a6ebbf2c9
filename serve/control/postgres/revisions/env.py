"""What Alembic runs: the revisions that are missing, on the connection that `schema.py` lends, in one transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
