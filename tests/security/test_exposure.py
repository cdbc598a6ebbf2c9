"""A dashboard of Ray that strangers can use keeps a cluster from starting."""

import re
from pathlib import Path

import pytest

from turnout.serve.cli.serve_run import make_environment
from turnout.serve.config.environment import check_environment
from turnout.serve.exposure import is_exposed

DEPLOYMENTS = Path(__file__).parents[2] / "deployments"


@pytest.mark.parametrize(
    ("status", "has_token_mode", "exposed"),
    [
        (401, True, False),
        (403, True, False),
        (401, False, False),
        (200, False, True),
        (200, True, True),
        (404, True, True),
        (500, False, True),
        (None, True, False),
        (None, False, True),
    ],
)
def test_what_a_dashboard_does_counts_more_than_what_it_should(
    status: int | None, has_token_mode: bool, exposed: bool
) -> None:
    assert is_exposed(status, has_token_mode=has_token_mode) is exposed


@pytest.mark.parametrize("mode", ["disabled", "DISABLED", "", "none"])
def test_an_environment_that_switches_tokens_off_is_refused(mode: str) -> None:
    (problem,) = check_environment({"RAY_AUTH_MODE": mode})
    assert problem.severity == "error"
    assert problem.hint == "set RAY_AUTH_MODE=token"


@pytest.mark.parametrize("environ", [{}, {"RAY_AUTH_MODE": "token"}, {"RAY_AUTH_MODE": "TOKEN"}])
def test_ray_s_own_default_and_tokens_are_fine(environ: dict[str, str]) -> None:
    assert check_environment(environ) == []


def test_turnout_up_starts_ray_with_tokens(tmp_path: Path) -> None:
    assert make_environment({}, tmp_path)["RAY_AUTH_MODE"] == "token"


def test_no_shipped_file_opens_a_dashboard_or_switches_tokens_off() -> None:
    for path in sorted(DEPLOYMENTS.rglob("*")):
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not re.search(r"RAY_AUTH_MODE\W+(?!token)\w+", text), path
            hosts = re.findall(r"dashboard[-_]?host\W+([\w.:]+)", text, re.IGNORECASE)
            assert set(hosts) <= {"127.0.0.1", "localhost"} or "RAY_AUTH_MODE" in text, path
