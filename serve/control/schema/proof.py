"""Checkpoints of the audit chain, and what reports are made from."""

PROOF = """
    CREATE TABLE audit_checkpoint (number INTEGER PRIMARY KEY, line TEXT NOT NULL);
    CREATE TABLE spend_hour (
        hour INTEGER NOT NULL,
        tenant TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, target TEXT NOT NULL, tags TEXT NOT NULL,
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        attempts INTEGER NOT NULL, requests INTEGER NOT NULL, succeeded INTEGER NOT NULL, cancelled INTEGER NOT NULL, hedges_lost INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
        estimated INTEGER NOT NULL, priced INTEGER NOT NULL, unpriced INTEGER NOT NULL, cost_nusd INTEGER NOT NULL,
        PRIMARY KEY (hour, tenant, key_id, model, target, tags)
    ) WITHOUT ROWID;
    CREATE TABLE spend_folded (id INTEGER PRIMARY KEY CHECK (id = 0), seq INTEGER NOT NULL);
    INSERT INTO spend_folded (id, seq) VALUES (0, 0);
    CREATE TABLE pool_minute (
        minute INTEGER NOT NULL, target TEXT NOT NULL, replica_ms INTEGER NOT NULL, busy_ms INTEGER NOT NULL,
        PRIMARY KEY (minute, target)
    ) WITHOUT ROWID;
    CREATE TABLE price_version (number INTEGER PRIMARY KEY, hash TEXT NOT NULL, at_ns INTEGER NOT NULL, prices TEXT NOT NULL);
    """
"""
`hour` and `minute` count from 1970 UTC. `spend_hour` has the ledger's rows up to `spend_folded.seq`, summed by everything but the attempt.
`requests` are first attempts. `unpriced` are attempts that used tokens at a price that isn't known; what used none is in neither. `prices` is JSON.
"""
