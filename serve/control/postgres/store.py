"""Keeps everything in a PostgreSQL database."""

import asyncio
from typing import Self

from turnout.serve.control.committer import Committer
from turnout.serve.control.postgres.server import PostgresServer
from turnout.serve.control.postgres.session import PostgresSession
from turnout.serve.control.sql_store import SqlStore


class PostgresStore(SqlStore):
    """A `SqlStore` on a server; a lock in the database keeps a second one out, on whatever node."""

    @classmethod
    async def open(cls, server: PostgresServer, writer: bytes, linger_s: float = 0.002) -> Self:
        """
        Connect, and bring the database to this version's schema.

        Args:
            writer: random bytes, unlike those of any other store.

        Raises:
            ConfigError: see `PostgresSession.open`.
        """
        session = PostgresSession(server, writer)
        await asyncio.to_thread(session.open)
        return cls(Committer(session, linger_s), server)
