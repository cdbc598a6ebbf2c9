"""The script of an engine pool without a model; `tests/contracts/ray/test_scripted_engine.py` has the pool."""

from pathlib import Path

import pytest

from turnout.serve.config.arguments import ScriptedEngineArgs
from turnout.serve.config.secret import ConfigError
from turnout.serve.mock.script import MockScript
from turnout.serve.scripted import read_script


def args(script: object) -> ScriptedEngineArgs:
    return ScriptedEngineArgs.model_validate({"script": script})


def test_a_script_stands_in_the_cluster_file_or_in_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    file.write_text("seed: 7\nmodels: {'*': {text: {kind: echo}}}\n")
    inline = args({"seed": 7, "models": {"*": {"text": {"kind": "echo"}}}})
    assert read_script(args(str(file)), "m") == read_script(inline, "m") == inline.script


def test_any_model_is_answered_unless_the_script_says_otherwise() -> None:
    assert read_script(ScriptedEngineArgs(), "whatever").find("whatever") is not None


@pytest.mark.parametrize("text", [None, "models: [", "models: {m: {txt: 1}}", "models: {other: {}}"])
def test_what_is_no_script_for_the_model_is_told_in_plain_words(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "script.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"args\.script"):
        read_script(args(str(file)), "m")


def test_a_replica_gets_the_arguments_that_were_checked() -> None:
    given = args({"models": {"m": {"latency": {"ttft_s": 0.5}}}})
    again = ScriptedEngineArgs.model_validate(given.model_dump(mode="json"))
    assert again == given
    assert isinstance(again.script, MockScript)
