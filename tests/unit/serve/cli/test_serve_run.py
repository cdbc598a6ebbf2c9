"""The child process `serve run`: its environment, its log, its signals."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnout.serve.cli import serve_run
from turnout.serve.cli.interrupts import Interrupts
from turnout.serve.cli.serve_api import find_token


@pytest.fixture
def ignored_sigint() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_serve_ingress_is_off_and_the_users_choices_stay(tmp_path: Path) -> None:
    made = serve_run.make_environment({"HF_HUB_OFFLINE": "0", "RAY_SERVE_ENABLE_HA_PROXY": "", "A": "b"}, tmp_path)
    assert made["RAY_SERVE_ENABLE_DIRECT_INGRESS"] == made["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert made["RAY_worker_niceness"] == "0"
    assert made["HF_HUB_OFFLINE"] == "0"
    assert made["A"] == "b"


@pytest.mark.parametrize("environ", [{"RAY_ADDRESS": "10.0.0.1:6379"}, {"RAY_TMPDIR": "/mine"}])
def test_a_cluster_to_join_or_a_chosen_folder_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    assert serve_run.make_environment(environ, tmp_path).get("RAY_TMPDIR") == environ.get("RAY_TMPDIR")


def test_a_child_that_would_ignore_ctrl_c_is_not_started(ignored_sigint: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="handle SIGINT"):
        serve_run.start([sys.executable, "-c", ""], {}, tmp_path / "log", 0)


def test_ctrl_c_and_what_means_the_same_is_counted_only_within_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
        assert interrupts.count == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_end_of_a_log_is_read_without_colours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert serve_run.read_log(log, 10) == ""
    log.write_bytes(b"x" * 100 + b"\x1b[32mgreen\x1b[0m \xff")
    assert serve_run.read_log(log, 16).endswith("green \N{REPLACEMENT CHARACTER}")


def test_the_command_is_serve_run_itself(tmp_path: Path) -> None:
    assert serve_run.serve_command(tmp_path / "c.yaml")[-2:] == ["run", str(tmp_path / "c.yaml")]


def test_the_token_is_found_where_ray_finds_it(tmp_path: Path) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("from-home\n")
    (tmp_path / "other").write_text("from-path")
    assert find_token({}, tmp_path) == "from-home"
    assert find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "other")}, tmp_path) == "from-path"
    assert find_token({"RAY_AUTH_TOKEN": "from-env"}, tmp_path) == "from-env"
    assert find_token({"RAY_AUTH_MODE": "disabled"}, tmp_path) is None
    assert find_token({}, tmp_path / "nobody") is None
