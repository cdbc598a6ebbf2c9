"""Control: the one writer of a cluster. It keeps ledger, audit and admin changes, and tells routers what changed."""
