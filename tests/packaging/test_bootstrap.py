"""The set-up says what it does, what went wrong, and what mends it."""

import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap


def run(*args: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(bootstrap.ROOT / "bootstrap.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_without_a_word_it_says_what_it_can_do() -> None:
    told = run()
    assert told.returncode == 0
    assert "up [args of turnout up]" in told.stdout
    assert "test [args of pytest]" in told.stdout


def test_a_wrong_word_is_wrong_use() -> None:
    assert run("install").returncode == 2


def test_a_python_that_will_not_do_is_named_with_those_that_will() -> None:
    with pytest.raises(bootstrap.Stop, match=r"Python 3\.11, 3\.12 or 3\.13 is needed; this is 3\.\d+"):
        bootstrap.use_right_python(wanted=((3, 2),))


def test_a_failing_step_names_its_command_and_the_end_of_what_it_said() -> None:
    code = "print('one thing'); raise SystemExit('and another')"
    with pytest.raises(bootstrap.Stop) as stop:
        bootstrap.step("a step of a test", [sys.executable, "-c", code], hint=" Do this.")
    text = str(stop.value)
    assert text.startswith(f"{sys.executable} -c ")
    assert "and another" in text
    assert "exit code 1" in text
    assert text.endswith("Do this.")


def test_a_step_that_ends_well_says_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.step("a step of a test", [sys.executable, "-c", ""])
    assert capsys.readouterr().out.startswith("a step of a test: ")


def test_a_changed_lock_has_another_digest(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("one==1\n")
    before = bootstrap.digest(lock)
    lock.write_text("one==2\n")
    assert bootstrap.digest(lock) != before


def test_the_environment_of_its_steps_has_our_own_python_first() -> None:
    assert bootstrap.environment()["PATH"].startswith(str(bootstrap.VENV / "bin"))


def test_ci_runs_what_everybody_runs() -> None:
    lines = (bootstrap.ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec python3 bootstrap.py test"
