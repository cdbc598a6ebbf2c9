"""The lock files hold what the project asks for, exactly once, and nothing that breaks a CPU torch."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("cpu.lock", "build.lock", "dev.lock")
BREAK_A_CPU_TORCH = {"torchvision", "torchaudio", "torchcodec", "triton"}


def read_pins(name: str) -> list[tuple[str, Version]]:
    """Canonical name and version of each line of a lock file; a line that isn't a plain pin is an error."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pins: list[tuple[str, Version]] = []
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        pins.append((canonicalize_name(requirement.name), Version(specifier.version)))
    return pins


def asked_for(extra: str | None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("lock", "extra"), [("cpu.lock", None), ("cpu.lock", "cpu"), ("gpu.constraints", None), ("gpu.constraints", "gpu")]
)
def test_a_lock_satisfies_what_the_project_asks_for(lock: str, extra: str | None) -> None:
    pins = dict(read_pins(lock))
    unmet = [
        str(r) for r in asked_for(extra) if not r.specifier.contains(pins.get(canonicalize_name(r.name), Version("0")))
    ]
    assert unmet == []


def test_the_tools_satisfy_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = dict(read_pins("build.lock") + read_pins("dev.lock"))
    extras = [requirement for extra in ("bench", "redis", "postgres") for requirement in asked_for(extra)]
    wanted = [Requirement(line) for line in project["build-system"]["requires"]] + extras
    assert [str(r) for r in wanted if not r.specifier.contains(pins[canonicalize_name(r.name)])] == []


def test_no_package_is_pinned_twice() -> None:
    names = [name for lock in LOCKS for name, _ in read_pins(lock)]
    assert sorted(names) == sorted(set(names))


def test_what_breaks_a_cpu_torch_is_in_no_lock_that_is_installed_beside_it() -> None:
    assert {name for lock in LOCKS for name, _ in read_pins(lock)} & BREAK_A_CPU_TORCH == set()
