"""Why an attempt gave no whole answer, in the words that retries, fallbacks and breakers are decided by."""

import enum


class Cause(enum.Enum):
    """
    What went wrong with one attempt. A provider's adapter finds it; `turnout.router.execute.rules` says what follows from it.

    The value is a label of metrics and of the ledger.
    """

    NEVER_SENT = "never_sent"
    """No connection, or a kept one that had been closed: nothing reached the upstream."""
    CREDENTIALS = "credentials"
    """The key is refused, unpaid or not allowed (401, 402, 403)."""
    RATE_LIMITED = "rate_limited"
    """Too many requests or tokens with this key (429)."""
    NO_SUCH_MODEL = "no_such_model"
    """The upstream doesn't know the model it's configured with (404)."""
    OVERLOADED = "overloaded"
    """The upstream has too much to do (503, 529)."""
    SERVER_ERROR = "server_error"
    """Any other 5xx, or a 200 that isn't an answer."""
    NETWORK = "network"
    """The connection broke, or what came isn't HTTP, after the request had been sent."""
    TIMEOUT = "timeout"
    """No first token, or no whole unary answer, in the time for one attempt."""
    BROKEN_STREAM = "broken_stream"
    """A stream that had begun ended without a finish: cut, an error event, `[DONE]` alone."""
    STALLED_STREAM = "stalled_stream"
    """A stream that had begun said nothing for too long."""
    CONTEXT_WINDOW = "context_window"
    """The prompt and the output don't fit the model's context."""
    CONTENT_POLICY = "content_policy"
    """The provider refuses the content."""
    BAD_REQUEST = "bad_request"
    """Any other refusal of the request itself: the same everywhere, so never tried again."""
    BUDGET = "budget"
    """The caller has too little money left for it; nothing was sent."""
    DEADLINE = "deadline"
    """The request's own time is over."""
