"""Asks the terms of the model asked for, in order, which model answers."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import structs

from turnout.router.call import Call
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.choose.asked import Asked
from turnout.router.choose.choice import Choice, join
from turnout.router.choose.offers import Offers
from turnout.router.choose.rules import RuleList
from turnout.router.choose.terms import Auto, Rules, Term
from turnout.router.choose.weighing import Weighing
from turnout.router.embedding import Embeddings


class Chooses(Protocol):
    """One term at work."""

    async def choose(self, asked: Asked) -> Choice | None:
        """
        Who answers, or None if this has no say in it. What can't be found out in time is done without.

        Raises:
            BadRequest: the caller has a wish about it that can't be understood.
        """
        ...


class Chooser:
    """
    Owns the terms at work, one set a catalogue.

    A model that was chosen may leave it open itself; nobody is asked twice, so that nothing goes round.
    """

    def __init__(self, offers: Offers, embeddings: Embeddings) -> None:
        self._offers = offers
        self._embeddings = embeddings
        self._terms: dict[str, tuple[Chooses, ...]] = {}
        self._catalogue = Catalogue(version="", models={}, fixed_endpoints={})

    def __repr__(self) -> str:
        return f"<Chooser {', '.join(sorted(self._terms))}>"

    def set_catalogue(self, catalogue: Catalogue) -> None:
        """Take a new config."""
        self._catalogue = catalogue
        self._terms = {
            name: tuple(self._put_to_work(term, name) for term in route.choices)
            for name, route in catalogue.models.items()
            if route.choices
        }

    async def choose(self, call: Call, headers: Mapping[bytes, bytes]) -> Call:
        """`call` with the choice for it, or as it is where no term has a say."""
        asked = Asked(call, headers)
        choice = await self._ask(call.route, asked)
        if choice is None:
            return call
        visited = {call.route.name}
        while (route := self._catalogue.find(choice.model)) is not None and route.name not in visited:
            visited.add(route.name)
            found = await self._ask(route, asked)
            if found is None:
                break
            choice = join(choice, found)
        return structs.replace(call, choice=choice)

    async def _ask(self, route: ModelRoute, asked: Asked) -> Choice | None:
        for term in self._terms.get(route.name, ()):
            choice = await term.choose(asked)
            if choice is not None:
                return structs.replace(choice, others=(*choice.others, route.name)) if route.targets else choice
        return None

    def _put_to_work(self, term: Term, model: str) -> Chooses:
        match term:
            case Rules():
                return RuleList(term, model)
            case Auto():
                return Weighing(term, self._catalogue, self._offers, self._embeddings)
