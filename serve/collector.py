"""Keeps Python's cycle collector from costing requests what it never finds."""

import gc


def rest_collector() -> None:
    """
    Spare the collector what is there for good, and let it look less often: a request leaves no cycles behind (tests hold that).

    Call it once when a replica is up. At Python's default of one look every 700 allocations it took about 4 % of a request's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
