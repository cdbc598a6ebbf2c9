"""Control's store on a PostgreSQL server; the extra `postgres` brings what it needs."""
