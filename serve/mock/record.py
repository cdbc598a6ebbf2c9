"""What a mock provider was asked and what became of it."""

from collections import Counter, deque
from typing import Any

import msgspec

from turnout.models.exchange import RequestHead

_KEPT_BODY_BYTES = 64 * 1024
_SECRET_HEADERS = frozenset({b"authorization", b"x-api-key", b"api-key", b"cookie"})


class Seen(msgspec.Struct, frozen=True):
    """One request as `GET /_mock/requests` shows it; values of headers that carry keys are left out."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Record:
    """Owns the counters and the last requests of one mock; all bounded: the counters by the script's models and by status, the requests by number."""

    def __init__(self, kept_requests: int) -> None:
        self._seen: deque[Seen] = deque(maxlen=kept_requests)
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self.in_flight = 0
        self.clients_left = 0

    def __repr__(self) -> str:
        return f"Record({self._requests.total()} requests, {self.in_flight} in flight)"

    def note_request(self, head: RequestHead, body: bytes) -> None:
        """Keep the request among the last ones."""
        headers = {
            name.decode("latin-1"): "…" if name in _SECRET_HEADERS else value.decode("latin-1")
            for name, value in head.headers.items()
        }
        text = body[:_KEPT_BODY_BYTES].decode(errors="replace")
        self._seen.append(Seen(head.method.decode("latin-1"), head.path.decode("latin-1"), headers, text))

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

    def requests(self) -> list[Seen]:
        """The last requests, oldest first."""
        return list(self._seen)
