"""What is printed when a cluster is up can be copied and run."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes_http import FakeHttp, json_answer
from turnout.serve.cli.greeting import write_greeting
from turnout.serve.cli.outline import Outline, PublicModel

ROUTES = {"chat": "/v1/chat/completions", "completions": "/v1/completions", "embeddings": "/v1/embeddings"}


def _outline(url: str, *operations: str, is_open: bool = True) -> Outline:
    return Outline(
        file=Path("c.yaml"),
        url=url,
        router="router",
        drain_s=1,
        pools=(),
        models=(PublicModel("small", frozenset(operations), is_local=is_open),),
        keys=None if is_open else "env:KEYS",
        is_open=is_open,
        admin_url="",
        admin_key="",
        state_dir=Path(),
        fingerprint="",
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize("operation", ROUTES)
def test_the_curl_works_as_printed(operation: str) -> None:
    with FakeHttp(answers={f"POST {ROUTES[operation]}": json_answer({"ok": True})}) as route:
        lines = write_greeting(_outline(route.url, operation))
        start = next(i for i, line in enumerate(lines) if line.strip().startswith("curl"))
        command = "\n".join(lines[start : start + 2])
        answer = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert answer.stdout == b'{"ok": true}'
    assert route.asked[0].json()["model"] == "small"
    assert "authorization" not in route.asked[0].headers


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_curl_sends_the_key_where_one_is_needed() -> None:
    with FakeHttp(answers={"POST /v1/chat/completions": json_answer({})}) as route:
        lines = write_greeting(_outline(route.url, "chat", is_open=False))
        start = next(i for i, line in enumerate(lines) if line.strip().startswith("curl"))
        subprocess.run(
            ["bash", "-c", "export TURNOUT_KEY=sk-1\n" + "\n".join(lines[start : start + 2])],
            check=True,
            capture_output=True,
        )
    assert route.asked[0].headers["authorization"] == "Bearer sk-1"
    assert any("export TURNOUT_KEY" in line for line in lines)


@pytest.mark.parametrize("operation", ROUTES)
@pytest.mark.parametrize("is_open", [True, False])
def test_the_python_lines_are_python(operation: str, is_open: bool) -> None:
    lines = [line.strip() for line in write_greeting(_outline("http://127.0.0.1:1", operation, is_open=is_open))]
    program = "\n".join(lines[next(i for i, line in enumerate(lines) if "import OpenAI" in line) :])
    assert len(ast.parse(program).body) >= 3
