"""The Filters: what a request's Constraints leave out, each for one reason, in routing, fallback, spill, hedging and shadow alike."""

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.strategy import CONTEXT_WINDOW, Filter


class LocalOnly:
    """`x-turnout-residency: local`, or a key's `local_only`: pools of this cluster."""

    code = "not_local"

    def concerns(self, query: Query) -> bool:
        return query.constraints.is_local_only

    def admits(self, candidate: Candidate, query: Query) -> bool:
        del query
        return candidate.target.is_local


class InRegions:
    """`x-turnout-residency: eu,ch`, or a key's regions: what has no region on record isn't in any."""

    code = "not_in_region"

    def concerns(self, query: Query) -> bool:
        return query.constraints.regions is not None

    def admits(self, candidate: Candidate, query: Query) -> bool:
        regions = query.constraints.regions
        return regions is None or candidate.target.region in regions


class KeepsNothing:
    """`x-turnout-residency: no-retention`, or `provider{data_collection: deny}`: nobody who may keep prompts."""

    code = "keeps_prompts"

    def concerns(self, query: Query) -> bool:
        return query.constraints.is_private

    def admits(self, candidate: Candidate, query: Query) -> bool:
        del query
        return not candidate.target.keeps_prompts


class Capable:
    """Tools, JSON schemas, pictures, sound: only where the model is known to have them, or nobody has said what it has."""

    code = "lacks_capability"

    def concerns(self, query: Query) -> bool:
        return bool(query.constraints.needs)

    def admits(self, candidate: Candidate, query: Query) -> bool:
        has = candidate.target.card.capabilities
        return has is None or query.constraints.needs <= has


class Fits:
    """Prompt and asked-for output within the model's context, by the least that the prompt can be in tokens."""

    code = CONTEXT_WINDOW

    def concerns(self, query: Query) -> bool:
        del query
        return True

    def admits(self, candidate: Candidate, query: Query) -> bool:
        most = candidate.context_tokens
        return most is None or query.features.least_tokens <= most


class Affordable:
    """`provider{max_price}`; what has no known price may cost anything."""

    code = "over_max_price"

    def concerns(self, query: Query) -> bool:
        wishes = query.constraints.preferences
        return wishes is not None and wishes.max_price is not None

    def admits(self, candidate: Candidate, query: Query) -> bool:
        wishes = query.constraints.preferences
        if wishes is None or wishes.max_price is None:
            return True
        most, target = wishes.max_price, candidate.target
        return _is_within(target.input_price_pusd, most.input_pusd) and _is_within(
            target.output_price_pusd, most.output_pusd
        )


class Wanted:
    """`provider{only, ignore}`, by vendor or target."""

    code = "not_wanted"

    def concerns(self, query: Query) -> bool:
        wishes = query.constraints.preferences
        return wishes is not None and (wishes.only is not None or bool(wishes.ignore))

    def admits(self, candidate: Candidate, query: Query) -> bool:
        wishes = query.constraints.preferences
        if wishes is None:
            return True
        names = (candidate.target.vendor, candidate.target.name)
        if any(name in wishes.ignore for name in names):
            return False
        return wishes.only is None or any(name in wishes.only for name in names)


def _is_within(price_pusd: int | None, most_pusd: int | None) -> bool:
    return most_pusd is None or (price_pusd is not None and price_pusd <= most_pusd)


FILTERS: tuple[Filter, ...] = (LocalOnly(), InRegions(), KeepsNothing(), Capable(), Wanted(), Affordable(), Fits())
"""All of them; every strategy has these, so that none can leave one out."""
