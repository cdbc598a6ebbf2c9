"""Builds the project once, from a copy, with the backend that is installed here: nothing is asked of a network."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "tests", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree as a fresh clone has it: no links, no environment, nothing built."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "turnout", ignore=NOT_SOURCE)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Path]:
    """Build a `wheel` or an `sdist` of a tree; returns the file."""

    def run(tree: Path, target: str) -> Path:
        into = tmp_path_factory.mktemp(target)
        command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(into)]
        subprocess.run(command, cwd=tree, check=True, capture_output=True)
        (file,) = into.iterdir()
        return file

    return run


@pytest.fixture(scope="session")
def wheel(source: Path, build: Callable[[Path, str], Path]) -> Path:
    """The wheel of this tree."""
    return build(source, "wheel")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel in it."""
    python = make_environment(tmp_path_factory.mktemp("installed"))
    install(python, str(wheel))
    return python


@pytest.fixture(scope="session")
def editable(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which `source` is installed as editable, twice."""
    python = make_environment(tmp_path_factory.mktemp("editable"))
    for _ in range(2):
        install(python, "--editable", str(source))
    return python


def make_environment(folder: Path) -> Path:
    """
    Make an environment that sees the packages that are installed here, but none of their `.pth` files: an editable install of the project itself
    stays out of sight.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def install(python: Path, *what: str) -> None:
    """Install something without dependencies, index or a look at what else is there."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--ignore-installed", "--no-build-isolation", *what]
    subprocess.run(command, check=True, capture_output=True)
