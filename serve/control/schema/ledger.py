"""Rows that are only ever added, and documents."""

LEDGER = """
    CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL, attempt INTEGER NOT NULL, at_ns INTEGER NOT NULL,
        tenant TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, target TEXT NOT NULL, endpoint TEXT NOT NULL,
        status INTEGER NOT NULL, failure TEXT NOT NULL,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
        usage_source TEXT NOT NULL, cost_nusd INTEGER, first_byte_us INTEGER, total_us INTEGER NOT NULL, is_stream INTEGER NOT NULL,
        tags TEXT NOT NULL,
        UNIQUE (request_id, attempt)
    );
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at_ns INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE, prev_hash BLOB NOT NULL
    );
    CREATE TABLE document (name TEXT PRIMARY KEY, body BLOB NOT NULL);
    """
