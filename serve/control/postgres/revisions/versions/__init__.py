"""One revision for each of the migrations that a SQLite file has, numbered like them."""
