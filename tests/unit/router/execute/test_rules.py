"""What may follow from each cause: the issue's words as a table."""

import pytest

from turnout.models.cause import Cause
from turnout.router.catalogue import Fallbacks
from turnout.router.execute.rules import RULES, fallbacks_for

ALL = Fallbacks(
    any_error=("any",), context_window=("long",), content_policy=("lax",), rate_limit=("cheap",), budget=("free",)
)
ANY = Fallbacks(any_error=("any",))

# cause, elsewhere, again, another model, never there again, counted as a fault
TABLE = (
    (Cause.NEVER_SENT, True, True, True, False, True),
    (Cause.CREDENTIALS, True, False, True, False, None),
    (Cause.RATE_LIMITED, True, True, True, False, None),
    (Cause.NO_SUCH_MODEL, True, False, True, False, None),
    (Cause.OVERLOADED, True, True, True, False, True),
    (Cause.SERVER_ERROR, True, True, True, False, True),
    (Cause.NETWORK, True, True, True, False, True),
    (Cause.TIMEOUT, True, False, True, True, True),
    (Cause.BROKEN_STREAM, True, True, True, False, True),
    (Cause.STALLED_STREAM, True, False, True, True, True),
    (Cause.CONTEXT_WINDOW, False, False, True, False, False),
    (Cause.CONTENT_POLICY, False, False, True, False, False),
    (Cause.BAD_REQUEST, False, False, False, False, False),
    (Cause.BUDGET, False, False, True, False, None),
    (Cause.DEADLINE, False, False, False, False, None),
)


@pytest.mark.parametrize(("cause", "rotates", "repeats", "falls_back", "is_silent", "is_fault"), TABLE)
def test_what_follows_from_a_cause(
    cause: Cause, rotates: bool, repeats: bool, falls_back: bool, is_silent: bool, is_fault: bool | None
) -> None:
    rule = RULES[cause]
    assert (rule.rotates, rule.repeats, rule.falls_back, rule.is_silent) == (rotates, repeats, falls_back, is_silent)
    assert rule.is_fault is is_fault


def test_every_cause_has_its_rule() -> None:
    assert set(RULES) == set(Cause) == {row[0] for row in TABLE}


@pytest.mark.parametrize(
    ("cause", "of_all", "of_any"),
    [
        (None, ("any",), ("any",)),
        (Cause.CONTENT_POLICY, ("lax",), ()),
        (Cause.CONTEXT_WINDOW, ("long",), ("any",)),
        (Cause.RATE_LIMITED, ("cheap", "any"), ("any",)),
        (Cause.BAD_REQUEST, (), ()),
        (Cause.DEADLINE, (), ()),
        (Cause.BUDGET, ("free",), ()),
        *(
            (cause, ("any",), ("any",))
            for cause in Cause
            if cause.value
            not in ("content_policy", "context_window", "rate_limited", "bad_request", "deadline", "budget")
        ),
    ],
)
def test_which_models_may_answer_instead(cause: Cause | None, of_all: tuple[str, ...], of_any: tuple[str, ...]) -> None:
    assert tuple(fallbacks_for(cause, ALL, None)) == of_all
    assert tuple(fallbacks_for(cause, ANY, None)) == of_any
    may = cause is None or RULES[cause].falls_back
    assert tuple(fallbacks_for(cause, ALL, ("own",))) == (("own",) if may else ())
    assert tuple(fallbacks_for(cause, ALL, ())) == ()
