"""What a router may spend: leases from Control, and a hold around every attempt."""
