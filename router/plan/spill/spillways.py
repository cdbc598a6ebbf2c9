"""Keeps, by model, whether it spills and what that has cost, whatever becomes of the config meanwhile."""

import logging
from collections.abc import Callable
from typing import Protocol

from turnout.router.plan.spill.budget import SpillBudget
from turnout.router.plan.spill.gate import LEAVE, Gate
from turnout.router.plan.spill.terms import Spill

_log = logging.getLogger("turnout.spill")


class Tally(Protocol):
    """Counts what spilling does; the Observer is one."""

    def switch_spill(self, model: str, event: str) -> None:
        """A model's requests `spill_began` or `spill_ended`, or `bridge_began` or `bridge_ended`."""
        ...


class Spillway:
    """
    One model's; owned by its Spillways.

    Attributes:
        budget: what tenants may spend, or None for no bound.
    """

    __slots__ = ("_bridge", "_gate", "_model", "_tally", "budget")

    def __init__(self, model: str, tally: Tally) -> None:
        self.budget: SpillBudget | None = None
        self._model = model
        self._tally = tally
        self._gate = Gate()
        self._bridge = Gate()

    def __repr__(self) -> str:
        return f"<Spillway of {self._model}, {self._gate!r}, {self.budget!r}>"

    def is_wanted(self, share: float, now: float) -> bool:
        """Whether a request should spill that would take this share of its objective at home."""
        if self._gate.note(share, now):
            self._tell("spill_began" if self._gate.is_open else "spill_ended")
        return self._gate.is_open and share >= LEAVE

    def note_bridge(self, now: float, *, is_needed: bool) -> None:
        """Whether anybody at home could answer a request."""
        if (is_needed or self._bridge.is_open) and self._bridge.note(2.0 if is_needed else 0.0, now):
            self._tell("bridge_began" if is_needed else "bridge_ended")

    def _tell(self, event: str) -> None:
        _log.warning(event, extra={"model": self._model})
        self._tally.switch_spill(self._model, event)


class Spillways:
    """Owns one Spillway for each model that spills; bounded by the catalogue's models."""

    def __init__(self, tally: Tally, part: Callable[[], float]) -> None:
        """
        Args:
            tally: hears of every beginning and end.
            part: of every budget that this router has, from 0 to 1.
        """
        self._tally = tally
        self._part = part
        self._ways: dict[str, Spillway] = {}

    def __repr__(self) -> str:
        return f"<Spillways {list(self._ways.values())}>"

    def of(self, model: str, terms: Spill) -> Spillway:
        """The model's, with the budget as the config has it now; what was spent stays spent."""
        way = self._ways.get(model)
        if way is None:
            way = self._ways[model] = Spillway(model, self._tally)
        if terms.nusd_per_hour is None:
            way.budget = None
        elif way.budget is None:
            way.budget = SpillBudget(self._part, terms.nusd_per_hour)
        else:
            way.budget.nusd_per_hour = terms.nusd_per_hour
        return way

    def keep_only(self, models: set[str]) -> None:
        """Forget those of models that are gone from the config."""
        for model in self._ways.keys() - models:
            del self._ways[model]
