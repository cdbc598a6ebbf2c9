"""Refusals by policy are proven, and don't flood the log."""

import json

from turnout.models.ledger import AuditEvent
from turnout.router.decisions import MAX_KINDS, Decisions

SECOND = 1_000_000_000


class Rig:
    def __init__(self) -> None:
        self.now = 0
        self.events: list[AuditEvent] = []
        self.decisions = Decisions(self, lambda: self.now)

    def put_event(self, event: AuditEvent) -> None:
        self.events.append(event)

    def refuse(self, key: str = "k1", subject: str = "m") -> None:
        self.decisions.refuse(key, "model.refuse", subject, "not allowed")


def test_the_first_refusal_is_told_at_once() -> None:
    rig = Rig()
    rig.refuse()
    assert rig.events == [AuditEvent(0, "k1", "model.refuse", "m", '{"reason": "not allowed"}')]


def test_repeats_within_a_minute_are_counted_in_the_next_row() -> None:
    rig = Rig()
    for _ in range(1000):
        rig.refuse()
        rig.now += SECOND // 100
    rig.now = 60 * SECOND
    rig.refuse()
    assert [json.loads(event.detail).get("repeats_before") for event in rig.events] == [None, 999]


def test_others_keys_and_subjects_have_rows_of_their_own() -> None:
    rig = Rig()
    rig.refuse("k1", "m")
    rig.refuse("k2", "m")
    rig.refuse("k1", "n")
    assert len(rig.events) == 3


def test_what_is_remembered_is_bounded() -> None:
    rig = Rig()
    for n in range(MAX_KINDS + 50):
        rig.refuse(f"k{n}")
    assert repr(rig.decisions) == f"Decisions({MAX_KINDS} kinds told lately)"
