"""Organisations, teams, users and keys, the digests of their secrets, and the budgets that they were given."""

DIRECTORY = """
    CREATE TABLE grantee (
        kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
        tenant TEXT NOT NULL, team TEXT NOT NULL, user_id TEXT NOT NULL,
        role TEXT NOT NULL, terms TEXT NOT NULL, tags TEXT NOT NULL,
        created_at_ns INTEGER NOT NULL, deleted_at_ns INTEGER, version INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
    );
    CREATE INDEX grantee_version ON grantee (version);
    CREATE TABLE key_secret (digest BLOB PRIMARY KEY, key_id TEXT NOT NULL, ends_at_ns INTEGER);
    CREATE INDEX key_secret_key ON key_secret (key_id);
    CREATE TABLE budget (
        id TEXT PRIMARY KEY, owner_kind TEXT NOT NULL, owner_id TEXT NOT NULL,
        amount_nusd INTEGER NOT NULL, period TEXT NOT NULL, model TEXT NOT NULL, is_hard INTEGER NOT NULL,
        alert_shares TEXT NOT NULL, downgrade_at REAL, downgrade_to TEXT NOT NULL
    );
    CREATE INDEX budget_owner ON budget (owner_kind, owner_id);
    """
"""`terms`, `tags` and `alert_shares` are JSON. A key's `grantee.id` is the ledger's `key_id`; rows outlive what they tell of."""
