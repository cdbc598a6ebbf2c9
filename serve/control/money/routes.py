"""The admin routes of budgets: what is spent, held and likely, and how a window is begun anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden, NotFound
from turnout.serve.control.actor import Actors
from turnout.serve.control.directory.grantee import Grantee
from turnout.serve.control.directory.permit import is_owner, may_change
from turnout.serve.control.money.treasury import BudgetState, Treasury
from turnout.serve.control.reports.scope import sees_money_of

NUSD_IN_USD = 1_000_000_000
BudgetId = Annotated[str, Field(max_length=256)]


class BudgetRef(BaseModel):
    """Which budget."""

    model_config = ConfigDict(extra="forbid")

    budget_id: BudgetId


@dataclass(frozen=True, slots=True)
class BudgetRoutes:
    """
    Adds the routes to an app; each finds out who acts. Definitions are changed where they stand: with keys, teams, users and organisations.

    Attributes:
        find_owner: whose a budget is, by its id.
    """

    treasury: Treasury
    actors: Actors
    find_owner: Callable[[str], Grantee | None]

    def add_to(self, app: FastAPI) -> None:
        """All of them."""
        acts = Annotated[Actor, Depends(self._find_actor)]

        @app.get("/budget/list", tags=["budgets"])
        async def list_budgets(actor: acts) -> list[dict[str, Any]]:
            """The budgets that you may see, what is spent and held of each, and what will be at its window's end if it goes on like this."""
            seen = [each for each in self.treasury.list_budgets() if sees_money_of(actor, self.find_owner(each.id))]
            return [show_budget(state) for state in await self.treasury.list_states(seen)]

        @app.get("/budget/info", tags=["budgets"])
        async def show_one(actor: acts, budget_id: Annotated[str, Query(max_length=256)]) -> dict[str, Any]:
            """One budget."""
            self._check_seen(actor, budget_id)
            return show_budget(await self.treasury.get_state(budget_id))

        @app.post("/budget/reset", tags=["budgets"])
        async def reset(body: BudgetRef, actor: acts) -> dict[str, Any]:
            """Begin the window anew, as if nothing had been spent in it; the ledger keeps its rows. For admins alone, since it's money given."""
            self._check_seen(actor, body.budget_id)
            self._check_reset(actor, body.budget_id)
            return show_budget(await self.treasury.reset(body.budget_id, actor.id))

    def _find_actor(self, request: Request) -> Actor:
        return self.actors.get(request.headers.get("authorization", "").encode("latin-1"))

    def _check_seen(self, actor: Actor, budget_id: str) -> None:
        """Raises NotFound for one that the actor may not see, as for one that isn't there."""
        if not sees_money_of(actor, self.find_owner(budget_id)):
            raise NotFound(f"there is no budget {budget_id!r}")

    def _check_reset(self, actor: Actor, budget_id: str) -> None:
        owner = self.find_owner(budget_id)
        if is_owner(actor) or (actor.role is Role.ADMIN and owner is not None and may_change(actor, owner)):
            return
        raise Forbidden(f"your role ({actor.role.value}) doesn't let you begin the window of {budget_id!r} anew")


def show_budget(state: BudgetState) -> dict[str, Any]:
    """Money in USD, as numbers: for people and spreadsheets, with the exact nano-USD beside."""
    terms = state.terms
    left = terms.amount_nusd - state.spent_nusd - state.held_nusd
    return {
        "budget_id": terms.id,
        "max_budget": terms.amount_nusd / NUSD_IN_USD,
        "spend": state.spent_nusd / NUSD_IN_USD,
        "held": state.held_nusd / NUSD_IN_USD,
        "left": max(0, left) / NUSD_IN_USD,
        "forecast": None if state.forecast_nusd is None else state.forecast_nusd / NUSD_IN_USD,
        "max_budget_nusd": terms.amount_nusd,
        "spend_nusd": state.spent_nusd,
        "held_nusd": state.held_nusd,
        "window": terms.window,
        "window_began_at_s": state.began_at_s,
        "window_ends_at_s": state.ends_at_s,
        "model": terms.model or None,
        "is_hard": terms.is_hard,
        "alert_shares": list(terms.alert_shares),
        "downgrade_at": terms.downgrade_at,
        "downgrade_to": terms.downgrade_to or None,
    }
