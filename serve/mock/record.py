"""What a mock provider was asked and what became of it."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from turnout.models.exchange import RequestHead

_KEPT_BODY_BYTES = 64 * 1024
_SECRET_HEADERS = frozenset({b"authorization", b"x-api-key", b"api-key", b"cookie"})


class Seen(msgspec.Struct, kw_only=True):
    """
    One request as `GET /_mock/requests` shows it; values of headers that carry keys are left out.

    Attributes:
        model: whose script answered, or "" where none did.
        arrived_ns: of the machine's monotonic clock, so that programs beside the mock can compare.
        ended_ns: when the mock was done with it, or None.
        end: `answered` (a scripted fault counts as that), `left` by its client, or None as long as it's under way.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str
    arrived_ns: int
    model: str = ""
    ended_ns: int | None = None
    end: Literal["answered", "left"] | None = None


class Record:
    """Owns the counters and the last requests of one mock; all bounded: the counters by the script's models and by status, the requests by number."""

    def __init__(self, kept_requests: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self.begun_ns = clock_ns()
        self._seen: deque[Seen] = deque(maxlen=kept_requests)
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self.in_flight = 0
        self.clients_left = 0

    def __repr__(self) -> str:
        return f"Record({self._requests.total()} requests, {self.in_flight} in flight)"

    @property
    def age_s(self) -> float:
        """Seconds since it was begun, which is since its script has been in force."""
        return (self._clock_ns() - self.begun_ns) / 1e9

    def note_request(self, head: RequestHead, body: bytes) -> Seen:
        """Keep the request among the last ones; it's for the caller to say its model and, by `note_end`, its end."""
        headers = {
            name.decode("latin-1"): "…" if name in _SECRET_HEADERS else value.decode("latin-1")
            for name, value in head.headers.items()
        }
        text = body[:_KEPT_BODY_BYTES].decode(errors="replace")
        method, path = head.method.decode("latin-1"), head.path.decode("latin-1")
        seen = Seen(method=method, path=path, headers=headers, body=text, arrived_ns=self._clock_ns())
        self._seen.append(seen)
        self.in_flight += 1
        return seen

    def note_end(self, seen: Seen, end: Literal["answered", "left"]) -> None:
        """It's over."""
        seen.ended_ns, seen.end = self._clock_ns(), end
        self.in_flight -= 1
        self.clients_left += end == "left"

    def count(self, script_name: str) -> int:
        """Count a request to a model's script; its number, from 1."""
        self._requests[script_name] += 1
        return self._requests[script_name]

    def note_answer(self, status: int, fault: str | None) -> None:
        """Count an answer; status 0 is a connection closed without one."""
        self._statuses[str(status)] += 1
        if fault is not None:
            self._faults[fault] += 1

    def stats(self) -> dict[str, Any]:
        """What `GET /_mock/stats` shows."""
        return {
            "requests": dict(self._requests),
            "statuses": dict(self._statuses),
            "faults": dict(self._faults),
            "in_flight": self.in_flight,
            "clients_left": self.clients_left,
        }

    def requests(self, model: str | None = None) -> list[Seen]:
        """The last requests, oldest first; those to one model where it's named."""
        return [seen for seen in self._seen if model is None or seen.model == model]
