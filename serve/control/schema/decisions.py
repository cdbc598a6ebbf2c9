"""Decisions of routing, a sample of them, kept for some days."""

DECISIONS = """
    CREATE TABLE decision (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL, attempt INTEGER NOT NULL, at_ns INTEGER NOT NULL, body BLOB NOT NULL,
        UNIQUE (request_id, attempt)
    );
    CREATE INDEX decision_at ON decision (at_ns);
    """
"""`body` is a `turnout.models.decision.Decision` in msgpack. Rows go, and `seq` isn't used twice all the same."""
