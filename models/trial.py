"""What experiments are judged by: one `Trial` a request and way of answering it, one `Feedback` a request that somebody has rated."""

import msgspec


class Trial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    How a request of an experiment went; `(request_id, experiment, variant)` is unique. Nothing of what was asked or answered.

    Attributes:
        request_id: what the client got as `x-litellm-call-id`, and as `x-request-id` unless it sent one itself; the ledger's.
        experiment, variant: names out of the config. A shadow's are its name, and `live` or `shadow`.
        at_ns: wall clock at the request's arrival, nanoseconds since 1970 UTC.
        tenant, key_id: who asked.
        subject: what stays with its variant, hashed: 16 hex digits.
        propensity: the chance that it had of this variant.
        is_failed: there was no whole answer, or it's another model's, or another target's, than the variant says.
        first_us: microseconds from arrival to the first of the answer, or None without one.
        total_us: microseconds in all.
        output_tokens: of the answer.
        cost_nusd: of all attempts, nano-USD, or None where that of one isn't known.
        is_same: whether a shadow's text is the live one's, blanks aside; None where they weren't compared.
    """

    request_id: str
    experiment: str
    variant: str
    at_ns: int
    tenant: str
    key_id: str
    subject: str
    propensity: float
    is_failed: bool
    first_us: int | None
    total_us: int
    output_tokens: int
    cost_nusd: int | None
    is_same: bool | None = None


class Feedback(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    What a caller thinks of an answer.

    Attributes:
        request_id: as in `Trial`.
        key_id: who says it; it has to be who asked.
        at_ns: wall clock, nanoseconds since 1970 UTC.
        score: 0 for bad to 1 for good.
        comment: the caller's own words, or "".
    """

    request_id: str
    key_id: str
    at_ns: int
    score: float
    comment: str = ""
