"""Requests as limits see them, without a line around them."""

from dataclasses import dataclass, field

from tests.gateways import CHAT, LOCAL
from turnout.models.access import Limit, Principal
from turnout.models.openai.request import Operation, parse_request
from turnout.models.providers.provider import Answer
from turnout.models.usage import Usage
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.values import Constraints, Features

PATIENT = Retries(max_wait_s=1e6)


@dataclass
class Counts:
    """A Tally that remembers."""

    limited_: list[tuple[str, str, str]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def limited(self, kind: str, unit: str, action: str) -> None:
        self.limited_.append((kind, unit, action))

    def waited_for_limits(self, seconds: float) -> None:
        self.waits.append(seconds)


class Used:
    """An Answer of which only the tokens are asked."""

    def __init__(self, input_tokens: int, output_tokens: int) -> None:
        self.usage = Usage(input_tokens, output_tokens)
        self.events = 0


def used(tokens: int) -> Answer:
    return Used(0, tokens)  # type: ignore[return-value]


def make_call(
    *limits: Limit,
    key: str = "k",
    asks: int | None = None,
    prompt: int = 10,
    deadline_at: float = 1e9,
    route: ModelRoute | None = None,
    priority: int = 0,
) -> Call:
    route = route or ModelRoute("m", (LOCAL,), retries=PATIENT)
    return Call(
        Arrival("r", b"r", 0.0, 0),
        Principal("t", key, priority=priority, limits=limits),
        parse_request(Operation.CHAT, CHAT),
        Constraints(False, deadline_at),
        Features(prompt, asks),
        route,
    )
