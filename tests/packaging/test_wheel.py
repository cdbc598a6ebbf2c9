"""What people install is whole, and imports as one package."""

import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDERS = ("models", "router", "serve", "benchmarks", "deployments")


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def run_code(python: Path, code: str) -> str:
    run = subprocess.run([python, "-c", code], cwd=python.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_every_file_of_the_five_folders_is_in_the_wheel_and_nothing_else(source: Path, wheel: Path) -> None:
    wanted = {
        f"turnout/{file.relative_to(source)}"
        for folder in FOLDERS
        for file in (source / folder).rglob("*")
        if file.is_file()
    }
    found = {name for name in names(wheel) if ".dist-info/" not in name}
    assert found == wanted


@pytest.mark.parametrize(
    "name",
    [
        "turnout/deployments/local.yaml",
        "turnout/models/py.typed",
        "turnout/router/py.typed",
        "turnout/serve/py.typed",
        "turnout-0.1.0.dist-info/licenses/LICENSE",
    ],
)
def test_what_is_needed_beside_python_files_is_in_the_wheel(wheel: Path, name: str) -> None:
    assert name in names(wheel)


def test_the_wheel_has_no_top_level_but_turnout(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names(wheel)} == {"turnout", "turnout-0.1.0.dist-info"}


def test_a_source_distribution_builds_the_same_wheel(
    source: Path, wheel: Path, build: Callable[[Path, str], Path], tmp_path: Path
) -> None:
    with tarfile.open(build(source, "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    assert names(build(unpacked, "wheel")) == names(wheel)


def test_an_installed_wheel_imports_from_where_it_is_installed(installed: Path) -> None:
    code = "import turnout.models.errors, turnout.router.catalogue, turnout.serve as s; print(s.__file__)"
    assert run_code(installed, code).startswith(str(installed.parent.parent))


def test_an_installed_wheel_brings_the_command(installed: Path) -> None:
    command = installed.with_name("turnout")
    run = subprocess.run([command, "version"], cwd=installed.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "0.1.0" in run.stdout


def test_an_installed_wheel_tells_vllm_to_die_with_its_parent(installed: Path) -> None:
    code = (
        "from importlib.metadata import entry_points\n"
        "(plugin,) = [p for p in entry_points(group='vllm.general_plugins') if p.name == 'turnout_die_with_parent']\n"
        "print(callable(plugin.load()))"
    )
    assert run_code(installed, code) == "True"


def test_an_editable_install_is_the_tree_itself(editable: Path, source: Path) -> None:
    code = "import turnout.models.errors as m, os; print(os.path.realpath(m.__file__))"
    assert run_code(editable, code) == str(source / "models" / "errors.py")


@pytest.mark.usefixtures("editable")
def test_an_editable_install_can_be_repeated(source: Path) -> None:
    links = source / "build" / "editable" / "turnout"
    assert {link.name: link.resolve() for link in links.iterdir()} == {f: source / f for f in FOLDERS}
