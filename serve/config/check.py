"""Finds everything that's wrong with a cluster file before anything is started."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from turnout.serve.config.cluster import ClusterFile
from turnout.serve.config.crosscheck import cross_check
from turnout.serve.config.document import read_document
from turnout.serve.config.environment import check_environment
from turnout.serve.config.machine import check_machine
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Location, Problem, explain_errors, write_path
from turnout.serve.config.secret import ConfigError


def check_file(path: Path | str, environ: Mapping[str, str] | None = None) -> list[Problem]:
    """
    Every problem of the file at `path`, in the order of its lines; errors and warnings.

    What depends on the machine (environment variables, files, models on disk) is a warning: the process that needs it may run on another node.

    Args:
        path: the cluster file.
        environ: environment variables to look at; the process's own unless given.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Problem("", f"{str(path)!r} can't be read: {error}")]
    variables = os.environ if environ is None else environ
    return check_environment(variables) + check_text(text, variables)


def load_file(path: Path | str) -> ClusterFile:
    """
    The file's settings.

    Raises:
        ConfigError: it has errors; `check_file` tells all of them. Warnings don't count.
    """
    errors = [problem for problem in check_file(path) if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more: turnout check {path})" if len(errors) > 1 else ""
        raise ConfigError(f"{errors[0]}{more}")
    return ClusterFile.model_validate(read_document(Path(path).read_text(encoding="utf-8")).content)


def check_text(text: str, environ: Mapping[str, str]) -> list[Problem]:
    """Every problem of a cluster file's text, in the order of its lines."""
    document = read_document(text)
    if document.content is None:
        return list(document.problems)
    found = _find(document.content, environ)
    placed = [replace(problem, line=document.line_of(location)) for location, problem in found]
    return sorted([*document.problems, *placed], key=lambda problem: problem.line or 0)


def _find(content: Any, environ: Mapping[str, str]) -> list[tuple[Location, Problem]]:
    if not isinstance(content, dict):
        return [((), Problem("", "a cluster file is a mapping with proxy_location and applications"))]
    root = Part((), content)
    found: list[tuple[Location, Problem]] = []
    try:
        ClusterFile.model_validate(content)
    except ValidationError as error:
        found = explain_errors(error.errors(include_url=False), ClusterFile)
    told = {location for location, _ in found}
    rules = (_find_uncounted(content, ()), cross_check(root), check_machine(root, environ), _check_variables(root))
    return found + [(place, problem) for place, problem in chain(*rules) if place not in told]


def _check_variables(root: Part) -> Iterator[tuple[Location, Problem]]:
    """The environment that the file itself gives to Serve's processes."""
    for app in root.at("applications").parts():
        variables = app.at("runtime_env", "env_vars")
        if isinstance(variables.content, dict):
            for problem in check_environment({str(name): str(value) for name, value in variables.content.items()}):
                part = variables.at(problem.path.partition(".")[2])
                yield part.problem(problem.message, problem.hint)


def _find_uncounted(content: Any, location: Location) -> Iterator[tuple[Location, Problem]]:
    """Serve's request-count scaling anywhere, also inside options that are refused as a whole: people look for its replacement."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        place = (*location, key)
        if key == "target_ongoing_requests":
            hint = "our listeners aren't counted by Serve; use args.target_in_flight"
            yield place, Problem(write_path(place), "unknown key 'target_ongoing_requests'", hint)
        yield from _find_uncounted(value, place)
