"""Budgets, what is spent of them, and what routers hold of them."""

MONEY = """
    CREATE TABLE budget_state (
        budget TEXT NOT NULL, start_s INTEGER NOT NULL, spent_nusd INTEGER NOT NULL,
        PRIMARY KEY (budget, start_s)
    ) WITHOUT ROWID;
    CREATE TABLE lease (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        router TEXT NOT NULL, budget TEXT NOT NULL,
        granted_nusd INTEGER NOT NULL DEFAULT 0, returned_nusd INTEGER NOT NULL DEFAULT 0, settled_nusd INTEGER NOT NULL DEFAULT 0,
        UNIQUE (router, budget)
    );
    CREATE INDEX lease_budget ON lease (budget);
    CREATE TABLE budget_alert (
        budget TEXT NOT NULL, start_s INTEGER NOT NULL, share REAL NOT NULL, at_ns INTEGER NOT NULL,
        PRIMARY KEY (budget, start_s, share)
    ) WITHOUT ROWID;
    """
