"""The rows that outlive a request: one `LedgerEntry` per upstream attempt, one `AuditEvent` per decision worth proving later."""

import msgspec

from turnout.models.decision import Decision


class LedgerEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    One attempt to answer one request, as it's written to the ledger; `(request_id, attempt)` is unique, so writing twice changes nothing.

    Attributes:
        request_id: what the client got as `x-request-id`.
        attempt: 1 for the first.
        at_ns: wall clock at the attempt's start, nanoseconds since 1970 UTC.
        tenant: who pays.
        key_id: which key asked; never the key.
        model: the public name asked for.
        target: the target that ran it.
        endpoint: the endpoint's id.
        status: upstream HTTP status, 0 if none came.
        failure: `Failure` value, `client_left`, or "".
        input_tokens, output_tokens, cache_read_tokens, reasoning_tokens: see `Usage`.
        usage_source: `UsageSource` value, or "" when nothing was used.
        cost_nusd: nano-USD, or None where the price isn't known.
        first_byte_us: microseconds to the first byte of the answer, or None.
        total_us: microseconds in all.
        is_stream: whether the client asked for a stream.
        tags: the caller's own, for reports; see `read_tags`.
        budgets: ids of those that the cost counts against; on the way to Control only, not a column of the ledger.
    """

    request_id: str
    attempt: int
    at_ns: int
    tenant: str
    key_id: str
    model: str
    target: str
    endpoint: str
    status: int
    failure: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    reasoning_tokens: int
    usage_source: str
    cost_nusd: int | None
    first_byte_us: int | None
    total_us: int
    is_stream: bool
    tags: str = ""
    budgets: tuple[str, ...] = ()


class AuditEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    Something that was decided or changed.

    Attributes:
        at_ns: wall clock, nanoseconds since 1970 UTC.
        actor: key id, `admin`, `config` or a replica's name.
        action: a verb and noun, such as `target.drain` or `config.reject`.
        subject: what it was done to.
        detail: a JSON object as text, without secrets or prompts.
    """

    at_ns: int
    actor: str
    action: str
    subject: str
    detail: str


class Journal(msgspec.Struct, frozen=True, array_like=True):
    """
    A batch of rows on its way from a router to Control.

    Attributes:
        router: which router made the attempts, and so holds the money that they cost.
        decisions: some of those that led to them.
    """

    entries: tuple[LedgerEntry, ...]
    events: tuple[AuditEvent, ...]
    router: str = ""
    decisions: tuple[Decision, ...] = ()
