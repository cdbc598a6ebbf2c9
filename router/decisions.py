"""Tells the audit log of what policy refused."""

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from turnout.models.ledger import AuditEvent

REPEAT_S = 60.0
MAX_KINDS = 10_000

_NS = 1_000_000_000
_Kind = tuple[str, str, str]


class EventSink(Protocol):
    """Takes events without waiting; they are written soon. The Outbox is one."""

    def put_event(self, event: AuditEvent) -> None:
        """Queue an event."""
        ...


class Decisions:
    """
    Owner of what was told lately: whoever is refused a thousand times a second makes one row a minute that counts them, and not a thousand.

    Bounded: of more than 10,000 kinds of refusals within a minute, the oldest are told anew.
    """

    def __init__(self, sink: EventSink, wall_ns: Callable[[], int]) -> None:
        self._sink = sink
        self._wall_ns = wall_ns
        self._told: OrderedDict[_Kind, tuple[int, int]] = OrderedDict()

    def __repr__(self) -> str:
        return f"Decisions({len(self._told)} kinds told lately)"

    def refuse(self, key_id: str, action: str, subject: str, reason: str) -> None:
        """
        Tell that `key_id` was refused, at once the first time; repeats of the same key, action and subject are counted in the next row a minute on.

        Args:
            key_id: who asked, or `unknown`; never the key.
            action: such as `key.refuse`, `model.refuse`, `residency.refuse`, `budget.refuse`.
            subject: what was refused: a model, a budget.
            reason: in our own words, without anything of the prompt.
        """
        now = self._wall_ns()
        kind = (key_id, action, subject)
        told_at, repeats = self._told.get(kind, (-1, 0))
        if told_at >= 0 and now - told_at < REPEAT_S * _NS:
            self._told[kind] = told_at, repeats + 1
            return
        detail = {"reason": reason} | ({"repeats_before": repeats} if repeats else {})
        self._sink.put_event(AuditEvent(now, key_id, action, subject, json.dumps(detail)))
        self._told[kind] = now, 0
        self._told.move_to_end(kind)
        if len(self._told) > MAX_KINDS:
            self._told.popitem(last=False)
