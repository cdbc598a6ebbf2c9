"""Which of many endpoints are worth a prediction: those with most of the prompt cached, and those with least to do."""

import heapq
from collections.abc import Sequence

from turnout.router.plan.predict.outlook import Outlook

MOST = 8
"""Endpoints up to which all are predicted."""

_EACH = MOST // 2


def shortlist(outlooks: Sequence[Outlook], blocks: Sequence[int]) -> Sequence[int]:
    """
    The places of at most 8 of them, in order: 4 by cached blocks, 4 by what is due and running there.

    The longest prefix is looked for only where its first block is known, which is one lookup an endpoint.
    """
    count = len(outlooks)
    if count <= MOST:
        return range(count)
    chosen: set[int] = set()
    if blocks:
        first = blocks[0]
        having = [(-o.prefix.count(blocks), o.work.load, at) for at, o in enumerate(outlooks) if o.prefix.has(first)]
        chosen.update(at for _, _, at in heapq.nsmallest(_EACH, having))
    loads = [(o.work.load, at) for at, o in enumerate(outlooks)]
    for _, at in heapq.nsmallest(MOST, loads):
        if len(chosen) == MOST:
            break
        chosen.add(at)
    return sorted(chosen)
