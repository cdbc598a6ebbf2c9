"""What was spent, by whom and on what, from the ledger, the price versions and the replicas that were there."""
