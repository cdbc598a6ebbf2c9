"""The tables of Control's store, one file a subject; `MIGRATIONS` puts them into their order."""
