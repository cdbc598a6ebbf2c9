"""Configs that are spread over several files, by `include`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from turnout.serve.config.document import Document, read_document
from turnout.serve.config.problem import Problem

_MOST_FILES = 64


def read_config(path: Path) -> Document:
    """
    The config at `path` with what it includes: lists one after the other, of everything else the including file's.

    What can't be read is told in `problems`; the lines are those of the first file.
    """
    document = _read(path)
    if not isinstance(document.content, dict):
        return document
    content: dict[str, object] = dict(document.content)
    problems = list(document.problems)
    waiting, read = _included(content, path), {path.resolve()}
    while waiting and len(read) < _MOST_FILES:
        file = waiting.pop(0)
        if file.resolve() in read:
            continue
        read.add(file.resolve())
        other = _read(file)
        problems += other.problems
        if isinstance(other.content, dict):
            waiting += _included(other.content, file)
            content = {**content, **_merged(content, other.content)}
    return replace(document, content=content, problems=tuple(problems))


def _read(path: Path) -> Document:
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return Document(None, {}, (Problem("", f"{str(path)!r} can't be read: {type(error).__name__}"),))


def _included(content: Mapping[str, object], path: Path) -> list[Path]:
    names = content.get("include")
    return [path.parent / str(name) for name in names] if isinstance(names, list) else []


def _merged(content: Mapping[str, object], other: Mapping[str, object]) -> Mapping[str, object]:
    """The settings of `other`, with those of `content` where both have one."""
    merged: dict[str, object] = {}
    for key, value in other.items():
        own = content.get(key)
        if isinstance(own, list) and isinstance(value, list):
            merged[key] = [*own, *value]
        else:
            merged[key] = value if own is None else own
    return merged
