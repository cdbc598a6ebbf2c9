"""A gateway that runs already, by its URL: somebody's GPU node, or anything else that speaks OpenAI's chat completions."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject


@dataclass(frozen=True, slots=True)
class RemoteUpstream:
    """The model server behind that gateway; its pace is its own."""

    base_url: str
    description: str = "given by --upstream"

    def set_pace(self, pace: Pace) -> None:
        """Nothing: a real server can't be told."""


def remote_subject(name: str, url: str, model: str, api_key: str | None, pids: Sequence[int]) -> Subject:
    """
    What stands at `url`, with or without `/v1` at its end; without pids its CPU time is unknown.

    A replica that is replaced in mid-run isn't followed: its successor has a number that wasn't given.
    """
    base_url = url.rstrip("/")
    base_url = base_url if base_url.endswith("/v1") else f"{base_url}/v1"
    return Subject(name, base_url, model, api_key, (lambda: {"gateway": pids}) if pids else None)
