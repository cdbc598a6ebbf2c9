"""Which targets of a model are kept in reserve, as the cluster file says it."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import PlainSerializer

from turnout.models.target import Target
from turnout.router.plan.spill.terms import Spill
from turnout.serve.config.fields import AppName, HourlyNusd, Settings


class SpillSettings(Settings):
    """
    Remote targets that answer where the others would be too slow, or aren't there.

    Attributes:
        to: which; all remote targets of the model unless said.
        usd_per_hour: what the requests of one tenant may cost there within any hour; unless said, as much as they do.
    """

    to: Annotated[frozenset[AppName], PlainSerializer(sorted, return_type=list[str])] = frozenset()
    usd_per_hour: HourlyNusd | None = None

    def to_spill(self, targets: Iterable[Target]) -> Spill:
        """The same for the router."""
        remote = frozenset(target.name for target in targets if not target.is_local)
        return Spill(self.to or remote, self.usd_per_hour)
