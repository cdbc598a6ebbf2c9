"""Whatever stands in a file, `check` answers with problems and never raises; what it finds right, the schema takes."""

import copy
from typing import Any

import yaml
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.unit.serve.config.test_check import ENVIRON, GOOD
from turnout.serve.config.check import check_text
from turnout.serve.config.cluster import ClusterFile

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**20),
    st.floats(),
    st.sampled_from(
        [
            "",
            "pool",
            "env:",
            "env:KEYS",
            "file:/",
            "turnout.serve.apps:engine",
            "http://[",
            "::1",
            "a b",
            "\x00",
            "é",
            "Disabled",
        ]
    ),
    st.text(max_size=6),
    st.just([]),
    st.just({}),
    st.just([None, 1, {"name": {}}]),
    st.just({"name": [1], 3: None}),
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(inner for key, item in items for inner in places(item, (*place, key)))]


CONTENT = yaml.safe_load(GOOD)
CONTENT["applications"][2]["deployments"][0]["user_config"]["models"].append(
    {
        "name": "large",
        "targets": [
            {"name": "far-off", "provider": "far", "model": "big-2", "breaker": {"open_s": 1}, "continues_by": "never"}
        ],
        "timeouts": {"attempt_s": 10, "total_s": 20},
        "retries": {"max_attempts": 2, "backoff_first_s": 0.1, "backoff_max_s": 1},
        "fallbacks": {"any_error": ["small"], "context_window": []},
        "hedging": {},
        "degrade": {"answer": "Please try again later."},
    }
)
PLACES = [place for place in places(CONTENT) if place]


def put(content: Any, place: tuple[Any, ...], value: Any) -> None:
    try:
        for step in place[:-1]:
            content = content[step]
        content[place[-1]] = value
    except (KeyError, IndexError, TypeError):
        return  # an earlier change took the place away


@effort(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_check_never_raises_and_finds_errors_wherever_the_schema_does(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    content = copy.deepcopy(CONTENT)
    for place, value in changes:
        put(content, place, copy.deepcopy(value))
    text = yaml.safe_dump(content, allow_unicode=True)
    errors = [problem for problem in check_text(text, ENVIRON) if problem.severity == "error"]
    if not errors:
        ClusterFile.model_validate(yaml.safe_load(text))
    assert all(problem.message for problem in errors)


@effort(max_examples=50, deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text(max_size=4))
def test_no_torn_or_garbled_text_makes_check_raise(start: int, length: int, inserted: str) -> None:
    assert isinstance(check_text(GOOD[:start] + inserted + GOOD[start + length :], ENVIRON), list)
