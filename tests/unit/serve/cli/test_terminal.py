"""What is different on a terminal: a conversation with `turnout chat`, and rows that change in place."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from turnout.serve.cli.screen import Progress, Row


@dataclass
class Terminal:
    """A program on a pseudo-terminal."""

    process: "subprocess.Popen[bytes]"
    descriptor: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str, within_s: float = 30.0) -> str:
        """Everything since the last call up to `text`; fails the test when it doesn't come."""
        end_at = time.monotonic() + within_s
        while text not in self.seen:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end_at - time.monotonic()))
            assert ready, f"{text!r} didn't come: {self.seen!r}"
            self.seen += os.read(self.descriptor, 4096).decode()
        before, _, self.seen = self.seen.partition(text)
        return before


@pytest.fixture
def mock_url() -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "turnout.serve.cli.main",
        "mock",
        "--model",
        "slow",
        "--tokens",
        "500",
        "--tokens-per-s",
        "20",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split(" at ")[1].split("/v1")[0]
        child.terminate()


@pytest.fixture
def terminal(mock_url: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "turnout.serve.cli.main", "chat", "--url", mock_url]
    environ = {**os.environ, "TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True
    ) as child:
        os.close(theirs)
        yield Terminal(child, ours)
        child.kill()
    os.close(ours)


def test_ctrl_c_ends_an_answer_and_ctrl_d_the_conversation(terminal: Terminal) -> None:
    terminal.wait_for("> ")
    terminal.type("one two three\n")
    terminal.wait_for("one two three one")  # it echoes the question, again and again
    terminal.process.send_signal(2)
    terminal.wait_for("this turn is forgotten")
    terminal.wait_for("> ")
    terminal.type("/model nothing\nhello\n")
    terminal.wait_for("error: ")
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.process.wait(20) == 0


def test_rows_elsewhere_than_on_a_terminal_are_told_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.show([Row("a", "working", "begins")], 0)
        progress.show([Row("a", "working", "begins")], 1)
        progress.show([Row("a", "done", "ready"), Row("b", "waiting", "waits")], 2)
    assert capsys.readouterr().err.splitlines() == ["[   0 s] a: begins", "[   2 s] a: ready", "[   2 s] b: waits"]
