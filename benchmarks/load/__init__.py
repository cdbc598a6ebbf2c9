"""The load client, the mock upstream that answers it, and what both need to be compiled on first use."""
