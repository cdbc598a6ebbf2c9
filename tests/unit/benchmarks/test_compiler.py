"""Compiling on first use, and living without a compiler."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from turnout.benchmarks.load.compiler import (
    CLIENT,
    MOCK_UPSTREAM,
    CompileError,
    Program,
    cache_folder,
    find_compiler,
    try_build,
)

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def fake_compiler(folder: Path, script: str) -> str:
    """A program that is called as a compiler is; $4 of `-O2 -std=gnu11 -o FILE` is the file."""
    compiler = folder / "cc"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(compiler.stat().st_mode | stat.S_IXUSR)
    return str(compiler)


def test_without_a_compiler_there_is_no_program(tmp_path: Path) -> None:
    assert try_build(CLIENT, tmp_path, None) is None


def test_a_program_is_compiled_once_and_found_afterwards(tmp_path: Path) -> None:
    compiler = fake_compiler(tmp_path, 'echo made > "$4"')
    built = try_build(CLIENT, tmp_path / "cache", compiler)
    assert built is not None
    assert built.read_text() == "made\n"
    assert try_build(CLIENT, tmp_path / "cache", None) == built
    assert list((tmp_path / "cache").iterdir()) == [built]


def test_a_refusal_names_what_the_compiler_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no such type"):
        try_build(CLIENT, tmp_path / "cache", fake_compiler(tmp_path, "echo no such type >&2; exit 1"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_sources_are_another_program() -> None:
    assert CLIENT.fingerprint() == replace(CLIENT).fingerprint()
    assert CLIENT.fingerprint() != Program("client", ("client.c",), ()).fingerprint()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/turnout/bench"),
        ({"HOME": "/h"}, "/h/.cache/turnout/bench"),
    ],
)
def test_the_cache_is_where_caches_are(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)


@needs_compiler
def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    compiler = fake_compiler(tmp_path, f'exec {find_compiler()} -Wall -Wextra -Wconversion -Werror "$@"')
    cache = tmp_path / "cache"
    assert try_build(CLIENT, cache, compiler)
    assert try_build(MOCK_UPSTREAM, cache, compiler)
