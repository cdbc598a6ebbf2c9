"""Which of many endpoints are worth a close look: those with most of the prompt cached, and those that would be best if nothing were."""

import heapq
from collections.abc import Sequence

from turnout.router.plan.predict.outlook import Outlook

MOST = 8
"""Endpoints up to which all are looked at."""


def shortlist(outlooks: Sequence[Outlook], costs: Sequence[float], blocks: Sequence[int], most: int) -> Sequence[int]:
    """
    The places of `most` of more endpoints, in order: half by cached blocks, the rest by cost.

    The longest prefix is looked for only where its first block is known, which is one lookup an endpoint.

    Args:
        costs: what each would cost if it had nothing of the prompt cached.
    """
    chosen: set[int] = set()
    if blocks:
        first = blocks[0]
        having = [
            (-outlook.prefix.count(blocks), costs[at], at)
            for at, outlook in enumerate(outlooks)
            if outlook.prefix.has(first)
        ]
        chosen.update(at for _, _, at in heapq.nsmallest(most // 2, having))
    for at in heapq.nsmallest(most, range(len(costs)), key=costs.__getitem__):
        if len(chosen) == most:
            break
        chosen.add(at)
    return sorted(chosen)
