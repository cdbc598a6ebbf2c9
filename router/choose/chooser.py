"""Asks the terms of the model asked for, in order, which model answers."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import structs

from turnout.router.call import Call
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.choose.asked import Asked
from turnout.router.choose.choice import Choice, join
from turnout.router.choose.rules import RuleList


class Chooses(Protocol):
    """One term at work."""

    async def choose(self, asked: Asked) -> Choice | None:
        """Who answers, or None if this has no say in it. Never raises for what can't be found out in time."""
        ...


class Chooser:
    """
    Owns the terms at work, one set a catalogue.

    A model that was chosen may leave it open itself; nobody is asked twice, so that nothing goes round.
    """

    def __init__(self) -> None:
        self._terms: dict[str, tuple[Chooses, ...]] = {}
        self._catalogue = Catalogue(version="", models={}, fixed_endpoints={})

    def __repr__(self) -> str:
        return f"<Chooser {', '.join(sorted(self._terms))}>"

    def set_catalogue(self, catalogue: Catalogue) -> None:
        """Take a new config."""
        self._catalogue = catalogue
        self._terms = {
            name: tuple(RuleList(term, name) for term in route.choices)
            for name, route in catalogue.models.items()
            if route.choices
        }

    async def choose(self, call: Call, headers: Mapping[bytes, bytes]) -> Call:
        """`call` with the choice for it, or as it is where no term has a say."""
        asked = Asked(call, headers)
        choice = await self._ask(call.route, asked)
        visited = {call.route.name}
        found = choice
        while found is not None and choice is not None:
            route = self._catalogue.find(choice.model)
            if route is None or not route.choices or route.name in visited:
                break
            visited.add(route.name)
            found = await self._ask(route, asked)
            choice = choice if found is None else join(choice, found)
        return call if choice is None else structs.replace(call, choice=choice)

    async def _ask(self, route: ModelRoute, asked: Asked) -> Choice | None:
        for term in self._terms.get(route.name, ()):
            choice = await term.choose(asked)
            if choice is not None:
                return structs.replace(choice, others=(*choice.others, route.name)) if route.targets else choice
        return None
