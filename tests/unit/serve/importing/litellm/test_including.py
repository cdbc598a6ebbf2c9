"""Configs in several files are one config."""

from pathlib import Path

from turnout.serve.importing.litellm.including import read_config


def test_lists_follow_each_other_and_the_including_files_settings_win(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "config.yaml").write_text(
        "include: [parts/a.yaml, b.yaml]\nmodel_list: [1]\nrouter_settings: {timeout: 1}\n"
    )
    (tmp_path / "parts" / "a.yaml").write_text("include: [c.yaml]\nmodel_list: [2]\nrouter_settings: {timeout: 2}\n")
    (tmp_path / "b.yaml").write_text("model_list: [3]\ngeneral_settings: {master_key: k}\n")
    (tmp_path / "parts" / "c.yaml").write_text("include: [a.yaml]\nmodel_list: [4]\n")
    content = read_config(tmp_path / "config.yaml").content
    assert content["model_list"] == [1, 2, 3, 4]
    assert content["router_settings"] == {"timeout": 1}
    assert content["general_settings"] == {"master_key": "k"}


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("include: [none.yaml]\nmodel_list: []\n")
    (problem,) = read_config(tmp_path / "config.yaml").problems
    assert "none.yaml" in problem.message
