"""The admin routes of budgets: what is spent, held and likely, and how a window is begun anew."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from turnout.serve.control.actor import Actors
from turnout.serve.control.money.treasury import BudgetState, Treasury

NUSD_IN_USD = 1_000_000_000
BudgetId = Annotated[str, Field(max_length=256)]


class BudgetRef(BaseModel):
    """Which budget."""

    model_config = ConfigDict(extra="forbid")

    budget_id: BudgetId


@dataclass(frozen=True, slots=True)
class BudgetRoutes:
    """Adds the routes to an app. Definitions are changed where they stand: with keys, teams, users and organisations."""

    treasury: Treasury
    actors: Actors

    def add_to(self, app: FastAPI) -> None:
        """All of them."""

        @app.get("/budget/list", tags=["budgets"])
        async def list_budgets() -> list[dict[str, Any]]:
            """Every budget: what it is, what is spent and held of it, and what will have been spent at the window's end if it goes on like this."""
            return [show_budget(state) for state in await self.treasury.list_states(self.treasury.list_budgets())]

        @app.get("/budget/info", tags=["budgets"])
        async def show_one(budget_id: Annotated[str, Query(max_length=256)]) -> dict[str, Any]:
            """One budget."""
            return show_budget(await self.treasury.get_state(budget_id))

        @app.post("/budget/reset", tags=["budgets"])
        async def reset(body: BudgetRef, request: Request) -> dict[str, Any]:
            """Begin the window anew, as if nothing had been spent in it; the ledger keeps its rows."""
            actor = self.actors.get(request.headers.get("authorization", "").encode("latin-1"))
            return show_budget(await self.treasury.reset(body.budget_id, actor.id))


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
