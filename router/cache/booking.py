"""Books an answer that no model had to give: it's in the ledger, and costs nothing."""

from turnout.models.ledger import LedgerEntry
from turnout.models.openai.tags import read_tags
from turnout.router.account import LedgerSink
from turnout.router.call import Call

CACHED = "cached"
"""Where the usage of such a row comes from; no tokens went through a model for it."""


def book(sink: LedgerSink, call: Call, target: str) -> None:
    """
    One row for one answer from the cache; attempt 0, since there was none.

    Args:
        target: that had given the answer.
    """
    arrival, principal, request = call.arrival, call.principal, call.request
    model = request.model if request.wildcard else call.route.name
    sink.put_entry(
        LedgerEntry(
            arrival.id,
            0,
            arrival.at_ns,
            principal.tenant,
            principal.key_id,
            model,
            target,
            CACHED,
            200,
            "",
            0,
            0,
            0,
            0,
            CACHED,
            0,
            None,
            0,
            request.is_stream,
            read_tags(request.fields),
        )
    )
