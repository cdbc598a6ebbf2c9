"""How requests of experiments went, and what callers think of answers."""

EXPERIMENTS = """
    CREATE TABLE trial (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL, experiment TEXT NOT NULL, variant TEXT NOT NULL, at_ns INTEGER NOT NULL,
        tenant TEXT NOT NULL, key_id TEXT NOT NULL, subject TEXT NOT NULL, propensity REAL NOT NULL,
        is_failed INTEGER NOT NULL, first_us INTEGER, total_us INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL, cost_nusd INTEGER, is_same INTEGER,
        UNIQUE (request_id, experiment, variant)
    );
    CREATE INDEX trial_experiment ON trial (experiment, seq);
    CREATE INDEX trial_at ON trial (at_ns);
    CREATE TABLE feedback (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL UNIQUE, key_id TEXT NOT NULL, at_ns INTEGER NOT NULL, score REAL NOT NULL, comment TEXT NOT NULL
    );
    CREATE INDEX feedback_at ON feedback (at_ns);
    """
"""Fields of `turnout.models.trial`. Rows go with time, and `seq` isn't used twice all the same."""
