"""
`turnout mock` as a child of a benchmark.

    python -m turnout.benchmarks.load.scripted_mock      prints "listening PORT"
"""

from turnout.benchmarks.load.upstream import Pace, to_script
from turnout.serve.mock.script import parse_script
from turnout.serve.mock.server import MockConfig, serve_mock


def report_port(host: str, port: int) -> None:
    """The line that the parent waits for."""
    del host
    print(f"listening {port}", flush=True)


if __name__ == "__main__":
    serve_mock(MockConfig(script=parse_script(to_script(Pace()))), report_port)
