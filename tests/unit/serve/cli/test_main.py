"""The entry point: help, mistyped names, exit codes, and what it doesn't import."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from turnout.serve.cli.main import COMMANDS, Commands, app

RUNNER = CliRunner()


def _command(name: str) -> object:
    return Commands().get_command(None, name)


def test_help_names_every_command() -> None:
    answer = RUNNER.invoke(app, ["--help"])
    assert answer.exit_code == 0
    for name, sentence in COMMANDS.items():
        assert name in answer.output
        assert sentence.split(",")[0] in " ".join(answer.output.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_is_the_commands_own_first_sentence(name: str) -> None:
    assert _command(name).help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_example(name: str) -> None:
    answer = RUNNER.invoke(app, [name, "--help"])
    assert answer.exit_code == 0
    group = _command(name)
    pages = [answer.output]
    if hasattr(group, "commands"):
        pages = [RUNNER.invoke(app, [name, sub, "--help"]).output for sub in group.commands]
    for page in pages:
        assert "Example" in page
        assert f"turnout {name}" in page


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from turnout.serve.cli.main import app\n"
        "for words in (['--help'], ['version'], ['up', '--help']): assert CliRunner().invoke(app, words).exit_code == 0\n"
        "print(sorted({'ray', 'torch', 'vllm', 'transformers', 'numpy'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("typed", "hint"), [("verson", "did you mean `turnout version`?"), ("qqq", "lists the commands")]
)
def test_a_mistyped_command_is_answered_with_the_nearest(typed: str, hint: str) -> None:
    answer = RUNNER.invoke(app, [typed])
    assert answer.exit_code == 2
    assert hint in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_mistyped_option_is_wrong_use() -> None:
    answer = RUNNER.invoke(app, ["version", "--jsn"])
    assert answer.exit_code == 2
    assert "--json" in answer.stderr


def test_a_defect_of_ours_is_one_line_and_exit_code_1() -> None:
    program = "import turnout.serve.cli.main as m\ndef main(): raise RuntimeError('lost it')\nm.app = main\nm.main()"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: RuntimeError: lost it")
    assert "Traceback" not in answer.stderr


def test_versions_are_told_also_as_json() -> None:
    answer = RUNNER.invoke(app, ["version", "--json"])
    assert answer.exit_code == 0
    assert '"python": "3.' in answer.stdout
    assert "turnout" in RUNNER.invoke(app, ["version"]).stdout


def test_no_colours_where_they_are_not_wanted() -> None:
    answer = RUNNER.invoke(app, ["nothing"], env={"NO_COLOR": "1", "FORCE_COLOR": None})
    assert "\x1b[3" not in answer.stderr


def test_commands_are_typer_applications_with_plain_help() -> None:
    assert isinstance(app, typer.Typer)
    assert RUNNER.invoke(app, []).exit_code == 2
