"""When a pool of this cluster would be too slow, or isn't there: which requests go to a remote target instead, and for how much money."""
