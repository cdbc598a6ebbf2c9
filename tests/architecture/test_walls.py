"""The walls of the house style, for every file at once."""

import ast
import re

from tests.architecture.source import LAYERS, Module, layer_modules, modules, tracked_texts

FILE_LINES = 500
FUNCTION_LINES = 60
NAMES_THAT_EXPLAIN_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "data", "info"}
# The edges where anything may come up: the last-resort 500, the outbox loop, and the two loops that work in batches.
CATCHES_ANYTHING = {
    "serve/edge/answer.py": 1,
    "router/outbox.py": 1,
    "serve/control/committer.py": 1,
    "models/embedding/coalescer.py": 1,
}
MACHINE_PATH = re.compile(r"/(work|root|farm)/|/tmp/b/")
REGISTRY = re.compile(r"(?mi)^.*(index[-_]url|find[-_]links|registry|resolved)[\"']?\s*[=:]\s*[\"']?https?://.*$")
LEFT_TO_DO = "TODO|FIXME|XXX"
UNNUMBERED = re.compile(rf"#.*\b({LEFT_TO_DO})\b(?!.*#\d)")
PATCHING = re.compile(r"\bmock\.patch\b|\bmonkeypatch\.setattr\b|\bunittest\.mock\b")
ASSERTING_CALL = re.compile(r"(^|\.)(assert|check_|expect_)|(^|\.)(raises|warns|fail)$")


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def broad_handlers(module: Module) -> list[ast.ExceptHandler]:
    """`except Exception`, `except BaseException` and `except:` that don't raise it on at their end."""
    return [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]


def asserts_something(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ASSERTING_CALL.search(ast.unparse(node.func)) is not None)
        for node in ast.walk(test)
    )


def is_docstring_or_guard(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def test_no_file_is_longer_than_500_lines() -> None:
    found = {str(m.path): n for m in modules() if (n := m.text.count("\n")) > FILE_LINES}
    assert found == {}


def test_no_function_is_longer_than_60_lines() -> None:
    found = [
        f"{module.path}:{function.lineno} {function.name} ({lines})"
        for module in layer_modules()
        for function in module.functions()
        if (lines := body_lines(function)) > FUNCTION_LINES
    ]
    assert found == []


def test_every_module_opens_with_what_it_is_for() -> None:
    assert [str(m.path) for m in modules() if not ast.get_docstring(m.tree)] == []


def test_every_module_name_says_something() -> None:
    assert [str(m.path) for m in modules() if m.path.stem in NAMES_THAT_EXPLAIN_NOTHING] == []


def test_no_package_file_holds_more_than_docstring_and_guard() -> None:
    found = [
        str(module.path)
        for module in layer_modules()
        if module.path.name == "__init__.py" and not all(map(is_docstring_or_guard, module.tree.body))
    ]
    assert found == []


def test_errors_are_caught_by_name_but_at_the_named_edges() -> None:
    found = {str(m.path): n for m in layer_modules() if (n := len(broad_handlers(m))) > 0}
    assert {path: n for path, n in found.items() if n > CATCHES_ANYTHING.get(path, 0)} == {}


def test_every_test_asserts_something() -> None:
    found = [
        f"{module.path}:{function.lineno} {function.name}"
        for module in modules()
        if module.path.parts[0] == "tests"
        for function in module.functions()
        if function.name.startswith("test_") and not asserts_something(function)
    ]
    assert found == []


def test_tests_use_fakes_and_patch_nothing() -> None:
    found = [str(m.path) for m in modules() if m.path.name != "test_walls.py" and PATCHING.search(m.text)]
    assert found == []


def test_nothing_is_left_to_do_without_a_number() -> None:
    found = [str(m.path) for m in modules() if m.path.parts[0] in LAYERS and UNNUMBERED.search(m.text)]
    assert found == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = {
        str(path): match.group()
        for path, text in tracked_texts().items()
        if path.name != "test_walls.py" and (match := MACHINE_PATH.search(text))
    }
    assert found == {}


def test_no_file_names_a_package_registry() -> None:
    found = {str(path): match.group() for path, text in tracked_texts().items() if (match := REGISTRY.search(text))}
    assert found == {}
