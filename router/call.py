"""One request on its way through execute: everything decided before an endpoint is chosen."""

import msgspec

from turnout.models.openai.request import ApiRequest
from turnout.router.catalogue import ModelRoute
from turnout.router.values import Constraints, Features, Principal


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
    """What execute, account and observe work from."""

    arrival: Arrival
    principal: Principal
    request: ApiRequest
    constraints: Constraints
    features: Features
    route: ModelRoute
