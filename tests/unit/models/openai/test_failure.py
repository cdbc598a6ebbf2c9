"""Why an attempt failed, and what its caller is told."""

import pytest

from tests.fakes import outcome
from turnout.models.cause import Cause
from turnout.models.errors import (
    BadRequest,
    ContentFiltered,
    ContextLengthExceeded,
    ModelNotFound,
    RateLimited,
    TurnoutError,
    UpstreamFailed,
    UpstreamTimeout,
)
from turnout.models.openai.failure import MESSAGE_CHARS, explain_outcome, find_cause, retry_after_s
from turnout.models.upstream import Failure


def refusal(code: str) -> bytes:
    """An error body with this code."""
    return b'{"error":{"message":"sk-secret","code":"%s"}}' % code.encode()


REFUSALS: tuple[tuple[int, bytes, Cause, type[TurnoutError]], ...] = (
    (400, b"{}", Cause.BAD_REQUEST, BadRequest),
    (400, b"<html>", Cause.BAD_REQUEST, BadRequest),
    (400, b'{"error":"no"}', Cause.BAD_REQUEST, BadRequest),
    (400, b'{"error":{"code":400,"message":"temperature"}}', Cause.BAD_REQUEST, BadRequest),
    (400, refusal("context_length_exceeded"), Cause.CONTEXT_WINDOW, ContextLengthExceeded),
    (400, b'{"error":{"message":"maximum context length is 8"}}', Cause.CONTEXT_WINDOW, ContextLengthExceeded),
    (400, b'{"error":"maximum context length is 8"}', Cause.CONTEXT_WINDOW, ContextLengthExceeded),
    (400, refusal("content_filter"), Cause.CONTENT_POLICY, ContentFiltered),
    (400, refusal("content_policy_violation"), Cause.CONTENT_POLICY, ContentFiltered),
    (403, refusal("content_filter"), Cause.CONTENT_POLICY, ContentFiltered),
    (400, refusal("invalid_api_key"), Cause.CREDENTIALS, UpstreamFailed),
    (401, b"", Cause.CREDENTIALS, UpstreamFailed),
    (401, b'{"detail":"Unauthorized"}', Cause.CREDENTIALS, UpstreamFailed),
    (402, b"{}", Cause.CREDENTIALS, UpstreamFailed),
    (403, b"{}", Cause.CREDENTIALS, UpstreamFailed),
    (404, b"{}", Cause.NO_SUCH_MODEL, ModelNotFound),
    (400, refusal("model_not_found"), Cause.NO_SUCH_MODEL, ModelNotFound),
    (405, b"{}", Cause.BAD_REQUEST, BadRequest),
    (408, b"{}", Cause.SERVER_ERROR, UpstreamFailed),
    (413, b"{}", Cause.BAD_REQUEST, BadRequest),
    (413, refusal("context_length_exceeded"), Cause.CONTEXT_WINDOW, ContextLengthExceeded),
    (422, b"{}", Cause.BAD_REQUEST, BadRequest),
    (429, b"{}", Cause.RATE_LIMITED, RateLimited),
    (429, b'{"error":{"type":"tokens","code":"rate_limit_exceeded"}}', Cause.RATE_LIMITED, RateLimited),
    (429, refusal("insufficient_quota"), Cause.CREDENTIALS, UpstreamFailed),
    (429, b'{"error":{"type":"insufficient_quota"}}', Cause.CREDENTIALS, UpstreamFailed),
    (429, b'{"error":{"type":"overloaded_error"}}', Cause.OVERLOADED, UpstreamFailed),
    (500, b"{}", Cause.SERVER_ERROR, UpstreamFailed),
    (500, refusal("content_filter"), Cause.SERVER_ERROR, UpstreamFailed),
    (502, b"", Cause.SERVER_ERROR, UpstreamFailed),
    (503, b"", Cause.OVERLOADED, UpstreamFailed),
    (504, b"", Cause.SERVER_ERROR, UpstreamFailed),
    (529, b"", Cause.OVERLOADED, UpstreamFailed),
)


@pytest.mark.parametrize(("status", "body", "cause", "error"), REFUSALS)
def test_a_refusals_cause_and_what_the_caller_is_told(
    status: int, body: bytes, cause: Cause, error: type[TurnoutError]
) -> None:
    ended = outcome(status, body=body)
    assert find_cause(ended, None) is cause
    told = explain_outcome(ended, "t")
    assert type(told) is error
    is_about_the_request = cause in (Cause.BAD_REQUEST, Cause.CONTEXT_WINDOW, Cause.CONTENT_POLICY)
    assert is_about_the_request or "sk-secret" not in told.message, "what a server says of our key is for nobody else"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 425, 429, 451, 499])
@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key"])
def test_nothing_that_is_said_of_our_credentials_reaches_a_caller(status: int, code: str) -> None:
    told = explain_outcome(outcome(status, body=refusal(code)), "t")
    assert type(told) is UpstreamFailed
    assert "sk-secret" not in told.message


@pytest.mark.parametrize(
    ("failure", "is_committed", "cause"),
    [
        (Failure.CONNECT, False, Cause.NEVER_SENT),
        (Failure.CONNECT_TIMEOUT, False, Cause.NEVER_SENT),
        (Failure.STALE, False, Cause.NEVER_SENT),
        (Failure.RESET, False, Cause.NETWORK),
        (Failure.RESET, True, Cause.BROKEN_STREAM),
        (Failure.PROTOCOL, False, Cause.NETWORK),
        (Failure.PROTOCOL, True, Cause.BROKEN_STREAM),
        (Failure.TOO_LARGE, False, Cause.SERVER_ERROR),
        (Failure.FIRST_BYTE_TIMEOUT, False, Cause.TIMEOUT),
        (Failure.FIRST_BYTE_TIMEOUT, True, Cause.TIMEOUT),
        (Failure.TOTAL_TIMEOUT, True, Cause.TIMEOUT),
        (Failure.GAP_TIMEOUT, True, Cause.STALLED_STREAM),
    ],
)
def test_the_cause_of_a_failure_on_the_wire(failure: Failure, is_committed: bool, cause: Cause) -> None:
    ended = outcome(200 if is_committed else 0, failure, is_committed=is_committed)
    assert find_cause(ended, None) is cause
    assert type(explain_outcome(ended, "t")) is (UpstreamTimeout if failure.is_timeout else UpstreamFailed)


def test_every_failure_has_a_cause() -> None:
    for failure in Failure:
        assert find_cause(outcome(0, failure), None) in Cause


@pytest.mark.parametrize(
    ("error", "is_committed", "cause"),
    [
        (None, True, Cause.BROKEN_STREAM),
        (None, False, Cause.SERVER_ERROR),
        (b'{"message":"EngineDeadError","code":500}', True, Cause.BROKEN_STREAM),
        (b'"busy"', True, Cause.BROKEN_STREAM),
        (b"not JSON", True, Cause.BROKEN_STREAM),
        (b"[1]", True, Cause.BROKEN_STREAM),
        (b'{"type":"overloaded_error"}', True, Cause.OVERLOADED),
        (b'{"code":"rate_limit_exceeded"}', True, Cause.RATE_LIMITED),
        (b'{"code":"content_filter"}', True, Cause.CONTENT_POLICY),
        (b'{"code":"context_length_exceeded"}', False, Cause.CONTEXT_WINDOW),
    ],
)
def test_the_cause_of_an_answer_of_200_that_is_not_whole(error: bytes | None, is_committed: bool, cause: Cause) -> None:
    ended = outcome(200, is_committed=is_committed)
    assert find_cause(ended, error) is cause
    assert type(explain_outcome(ended, "t")) is UpstreamFailed


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        (((b"retry-after", b"2"),), 2.0),
        (((b"retry-after", b"1.5"),), 1.5),
        (((b"retry-after-ms", b"250"),), 0.25),
        (((b"retry-after", b"9"), (b"retry-after-ms", b"250")), 0.25),
        (((b"retry-after", b"9"), (b"retry-after-ms", b"soon")), 9.0),
        (((b"retry-after", b"-3"),), 0.0),
        (((b"retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT"),), None),
        (((b"retry-after", b"inf"),), None),
        (((b"retry-after", b"nan"),), None),
        (((b"retry-after", b"1e999"),), None),
        (((b"retry-after-ms", b"inf"), (b"retry-after", b"4")), 4.0),
    ],
)
def test_how_long_to_wait_is_a_finite_number_of_seconds_or_not_said(
    headers: tuple[tuple[bytes, bytes], ...], seconds: float | None
) -> None:
    assert retry_after_s(outcome(429, headers=headers)) == seconds


def test_an_upstreams_message_is_cut() -> None:
    told = explain_outcome(outcome(400, body=b'{"error":{"message":"%s"}}' % (b"x" * 9000)), "t")
    assert len(told.message) == MESSAGE_CHARS
