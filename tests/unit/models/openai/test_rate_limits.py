"""What providers say of their limits, in the forms that they use."""

import pytest

from turnout.models.openai.rate_limits import Allowance, parse_duration, read_allowances


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("2m59.56s", 179.56),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400),
        ("34", 34),
        ("0.5", 0.5),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1747000000000", None),
        ("s", None),
    ],
)
def test_durations_are_read_in_every_form(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_openai_and_groq_tell_requests_and_tokens() -> None:
    told = read_allowances(
        (
            (b"content-type", b"application/json"),
            (b"x-ratelimit-limit-requests", b"14400"),
            (b"x-ratelimit-remaining-requests", b"14370"),
            (b"x-ratelimit-reset-requests", b"2m59.56s"),
            (b"x-ratelimit-limit-tokens", b"18000"),
            (b"x-ratelimit-remaining-tokens", b"0"),
            (b"x-ratelimit-reset-tokens", b"60s"),
        )
    )
    assert told is not None
    assert told.requests == Allowance(14370, 14400, pytest.approx(179.56))
    assert told.tokens == Allowance(0, 18000, 60)


def test_anthropics_times_of_day_count_from_the_answers_date_and_the_scarcest_kind_of_token_counts() -> None:
    told = read_allowances(
        (
            (b"date", b"Mon, 23 Nov 2026 21:00:00 GMT"),
            (b"anthropic-ratelimit-requests-limit", b"50"),
            (b"anthropic-ratelimit-requests-remaining", b"0"),
            (b"anthropic-ratelimit-requests-reset", b"2026-11-23T21:00:30Z"),
            (b"anthropic-ratelimit-input-tokens-remaining", b"9000"),
            (b"anthropic-ratelimit-output-tokens-remaining", b"80"),
            (b"anthropic-ratelimit-output-tokens-reset", b"2026-11-23T20:59:00Z"),
        )
    )
    assert told is not None
    assert told.requests == Allowance(0, 50, 30)
    assert told.tokens == Allowance(80, None, 0)


def test_mistrals_names_end_in_the_window() -> None:
    told = read_allowances(
        ((b"x-ratelimit-remaining-tokens-minute", b"12"), (b"x-ratelimit-limit-tokens-minute", b"500000"))
    )
    assert told is not None
    assert told.tokens == Allowance(12, 500000, None)
    assert told.requests is None


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"date", b"Mon, 23 Nov 2026 21:00:00 GMT"),),
        ((b"x-ratelimit-remaining-requests", b"many"),),
        ((b"x-ratelimit-limit-requests", b"5"),),
        ((b"x-ratelimit-remaining-requests", b"nan"),),
    ],
)
def test_what_says_nothing_is_nothing(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert read_allowances(headers) is None


def test_a_time_without_a_date_to_count_from_is_not_known() -> None:
    told = read_allowances(
        (
            (b"anthropic-ratelimit-requests-remaining", b"0"),
            (b"anthropic-ratelimit-requests-reset", b"2026-11-23T21:00:30Z"),
        )
    )
    assert told is not None
    assert told.requests == Allowance(0, None, None)
