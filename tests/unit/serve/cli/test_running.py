"""What `turnout up` leaves behind for the other commands to find."""

from pathlib import Path

import pytest

from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.running import Record, find_all, get_one, place_of


def _record(file: Path) -> Record:
    return Record(str(file), 4711, "http://127.0.0.1:8265", 0.0)


def test_a_cluster_is_found_by_its_file_or_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    place = place_of(tmp_path, file)
    with place.hold():
        place.write(_record(file))
        assert get_one(tmp_path, file)[1] == _record(file)
        assert get_one(tmp_path, None)[1] == _record(file)


def test_what_was_killed_is_not_running_whatever_its_record_says(tmp_path: Path) -> None:
    place = place_of(tmp_path, tmp_path / "a.yaml")
    with place.hold():
        place.write(_record(tmp_path / "a.yaml"))
    assert not place.is_running()
    assert find_all(tmp_path) == []
    with pytest.raises(Refusal, match="isn't up"):
        get_one(tmp_path, tmp_path / "a.yaml")


def test_a_cluster_is_not_started_twice(tmp_path: Path) -> None:
    place = place_of(tmp_path, tmp_path / "a.yaml")
    with place.hold(), pytest.raises(Refusal, match="up already"), place.hold():
        pytest.fail("held twice")


def test_two_clusters_must_be_told_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "a.yaml", tmp_path / "two" / "a.yaml"
    with place_of(tmp_path, one).hold(), place_of(tmp_path, two).hold():
        place_of(tmp_path, one).write(_record(one))
        place_of(tmp_path, two).write(_record(two))
        assert len(find_all(tmp_path)) == 2
        with pytest.raises(Refusal, match="2 clusters are up"):
            get_one(tmp_path, None)
        assert get_one(tmp_path, two)[1].file == str(two)


def test_nothing_running_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        get_one(tmp_path, None)
    assert "turnout up" in refused.value.hint
