"""Who may import whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import LAYERS, ROOT, modules

# The one file that reads what Ray keeps to itself (docs/adr, discovery), and the contract tests that notice when Ray changes it.
MAY_READ_RAYS_PRIVATE_PARTS = ("serve/discovery.py", "tests/contracts/ray")


def test_the_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_serve_imports_ray() -> None:
    found = [
        f"{module.path}:{line} {name}"
        for module in modules()
        if module.path.parts[0] not in ("serve", "tests")
        for line, name in module.imports()
        if name.split(".")[0] == "ray"
    ]
    assert found == []


def test_only_discovery_reads_rays_private_parts() -> None:
    found = [
        f"{module.path}:{line} {name}"
        for module in modules()
        if not str(module.path).startswith(MAY_READ_RAYS_PRIVATE_PARTS)
        for line, name in module.imports()
        if name.startswith("ray.") and any(part.startswith("_") for part in name.split("."))
    ]
    assert found == []


def test_every_import_is_absolute() -> None:
    found = [f"{m.path}:{line} {name}" for m in modules() for line, name in m.imports() if name.startswith(".")]
    assert found == []


@pytest.mark.parametrize("folder", LAYERS)
def test_a_folder_refuses_to_be_imported_past_the_package(folder: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert f"import turnout.{folder}, not {folder}" in run.stderr


@pytest.mark.parametrize("heavy", ["ray", "vllm", "torch", "transformers", "huggingface_hub"])
def test_finding_a_model_on_disk_imports_nothing_heavy(heavy: str) -> None:
    code = f"import sys, turnout.models.disk.pull; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd="/", check=False).returncode == 0
