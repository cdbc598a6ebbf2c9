"""One request on its way through execute, and the way that each attempt at it takes."""

import msgspec

from turnout.models.access import Principal
from turnout.models.exchange import Headers
from turnout.models.openai.request import ApiRequest
from turnout.router.catalogue import ModelRoute
from turnout.router.choose.choice import Choice
from turnout.router.plan.strategy import RoutePlan
from turnout.router.values import Constraints, Features


class Arrival(msgspec.Struct, frozen=True):
    """
    A request as it came in, whatever it turns out to be.

    Attributes:
        id: ours, unique; the ledger's key.
        echo_id: what the client gets as `x-request-id`.
        started_at: loop time at which the request was complete.
        at_ns: wall clock then, nanoseconds since 1970 UTC.
    """

    id: str
    echo_id: bytes
    started_at: float
    at_ns: int


class Call(msgspec.Struct, frozen=True):
    """
    Everything decided before an endpoint is chosen.

    Attributes:
        limit_headers: what the caller is told of its limits.
        choice: the model to begin with, where the one asked for leaves that open.
    """

    arrival: Arrival
    principal: Principal
    request: ApiRequest
    constraints: Constraints
    features: Features
    route: ModelRoute
    limit_headers: Headers = ()
    choice: Choice | None = None

    @property
    def priority(self) -> int:
        """Its place among others, here and in engines; lower is sooner."""
        return self.principal.priority + self.request.priority


class Way(msgspec.Struct, frozen=True):
    """
    One attempt as it sets out: what stream, account and observe work from.

    Attributes:
        route: the model that answers: the one asked for, or a fallback.
        fallbacks: how many models were fallen back from.
        number: which attempt it is, from 1.
        sent_at: loop time at which the attempt began; what lies before it is the gateway's overhead.
        wildcard: what stands for the `*` in the target's model, where it has one.
    """

    call: Call
    plan: RoutePlan
    route: ModelRoute
    fallbacks: int
    number: int
    sent_at: float
    wildcard: str = ""
