"""What the router expects of an endpoint: when it would answer, what is under way there, and what it has cached."""
