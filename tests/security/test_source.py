"""What the code never does with what users send: start processes, evaluate, fill templates, read pickles."""

import ast

import pytest

from tests.architecture.source import Module, layer_modules

SPAWNS = {"subprocess", "multiprocessing", "pty", "popen2"}
SPAWNING_CALLS = {
    "system", "popen", "fork", "forkpty", "execv", "execve", "execvp", "spawnv", "posix_spawn",
    "create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell", "Popen",
}  # fmt: skip
MAY_SPAWN = {
    "models/disk/children.py": "`turnout models pull` and what converts a model: a fixed list of arguments, no shell",
    "models/engine/lifeline.py": "asks multiprocessing who the parent is; starts nothing",
    "serve/cli/serve_run.py": "`turnout up` starts `serve run FILE`",
    "serve/cli/commands/bench.py": "`turnout bench` runs a script of the package",
}
EVALUATES = {"eval", "exec", "compile", "__import__", "import_module"}
MAY_EVALUATE = {
    "models/embedding/sentence.py": "imports torch and sentence-transformers by their fixed names, when a replica starts",
    "models/engine/in_process.py": "imports vLLM by its fixed name, when a replica starts",
    "serve/cli/main.py": "loads the commands of its own package by their files' names",
}
MAY_FORMAT = {
    "serve/control/reports/ask.py": "SQL put together from the module's own constants",
    "serve/control/reports/fold.py": "the same",
}
TEMPLATES = {"jinja2", "mako", "chevron", "string.Template", "pickle", "cloudpickle", "marshal", "shelve", "dill"}
FORMATS = {"format", "format_map"}
LISTENING = (
    "serve/site.py",
    "serve/front.py",
    "serve/edge",
    "serve/control",
    "serve/mock/provider.py",
    "serve/embeddings.py",
    "router",
)
"""What runs because somebody sent a request."""


def called(module: Module) -> list[tuple[int, str]]:
    """Line and last name of what is called; `re.compile` and a model's `eval` aren't Python's own."""
    names = ((node.lineno, ast.unparse(node.func)) for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return [(line, name.rpartition(".")[2]) for line, name in names if not name.endswith((".compile", ".eval"))]


def offenders(names: set[str], allowed: dict[str, str]) -> list[str]:
    return [
        f"{module.path}:{line} {name}"
        for module in layer_modules()
        if str(module.path) not in allowed
        for line, name in called(module)
        if name in names
    ]


def test_processes_are_started_by_commands_only_and_never_by_a_shell() -> None:
    imported = [
        f"{module.path}:{line} {name}"
        for module in layer_modules()
        if str(module.path) not in MAY_SPAWN
        for line, name in module.imports()
        if name.split(".")[0] in SPAWNS
    ]
    assert imported == []
    assert offenders(SPAWNING_CALLS, MAY_SPAWN) == []
    shells = [str(module.path) for module in layer_modules() if "shell=True" in module.text]
    assert shells == []


def test_nothing_that_answers_requests_may_start_a_process() -> None:
    assert [path for path in MAY_SPAWN if path.startswith(LISTENING)] == []


def test_no_text_is_evaluated() -> None:
    assert offenders(EVALUATES, MAY_EVALUATE) == []


def test_there_are_no_templates_and_no_pickles() -> None:
    found = [
        f"{module.path}:{line} {name}"
        for module in layer_modules()
        for line, name in module.imports()
        if name.split(".")[0] in TEMPLATES or name in TEMPLATES
    ]
    assert found == []


def test_text_is_never_filled_in_by_format_where_requests_are_answered() -> None:
    found = [
        f"{module.path}:{line} {name}"
        for module in layer_modules()
        if str(module.path).startswith(LISTENING) and str(module.path) not in MAY_FORMAT
        for line, name in called(module)
        if name in FORMATS
    ]
    assert found == []


def test_yaml_is_read_safely() -> None:
    unsafe = [
        f"{module.path}:{node.lineno}"
        for module in layer_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader", "yaml.UnsafeLoader")
    ]
    assert unsafe == []


@pytest.mark.parametrize("allowed", [MAY_SPAWN, MAY_EVALUATE, MAY_FORMAT])
def test_every_exception_is_still_needed(allowed: dict[str, str]) -> None:
    names = SPAWNING_CALLS | EVALUATES | FORMATS
    for path in allowed:
        (module,) = (module for module in layer_modules() if str(module.path) == path)
        uses = {name for _, name in called(module)} & names
        imports = {name.split(".")[0] for _, name in module.imports()} & SPAWNS
        assert uses or imports, path
