"""What `turnout bench ledger` measures: money under concurrency and kills, its speed, and what it costs a request."""
