"""The walls' own instruments see what they should."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import Module
from tests.architecture.test_walls import asserts_something, body_lines, broad_handlers


def module(text: str) -> Module:
    return Module(Path("example.py"), text, ast.parse(text))


def test_imports_inside_functions_are_seen() -> None:
    assert list(module("def f():\n    from ray import serve\n").imports()) == [(2, "ray.serve")]


def test_a_docstring_does_not_count_as_body() -> None:
    (function,) = module('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n    return a\n').functions()
    assert body_lines(function) == 2


@pytest.mark.parametrize(
    ("handler", "broad"),
    [
        ("except ValueError:\n    pass", 0),
        ("except Exception:\n    pass", 1),
        ("except:\n    pass", 1),
        ("except BaseException:\n    clean()\n    raise", 0),
    ],
)
def test_a_broad_handler_is_one_that_keeps_what_it_catches(handler: str, broad: int) -> None:
    assert len(broad_handlers(module(f"try:\n    x()\n{handler}\n"))) == broad


@pytest.mark.parametrize(
    ("body", "asserts"),
    [
        ("x()", False),
        ("assert x", True),
        ("with pytest.raises(ValueError):\n        x()", True),
        ("check_all(x)", True),
    ],
)
def test_a_test_without_a_claim_is_seen(body: str, asserts: bool) -> None:
    (function,) = module(f"def test_x():\n    {body}\n").functions()
    assert asserts_something(function) is asserts
