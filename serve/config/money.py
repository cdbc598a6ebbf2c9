"""How strict the router is with hard budgets, and who is told when a budget is nearly spent."""

from typing import Literal, Self

from pydantic import model_validator

from turnout.router.money.policy import MoneyPolicy
from turnout.serve.config.fields import SecretRef, Settings


class MoneySettings(Settings):
    """
    What is done where money can't be counted or asked for; it concerns only requests that count against a hard budget.

    Attributes:
        unpriced: a target without a price: `refuse` it (403), or `allow` it, at no cost.
        when_unreachable: while Control is away: `spend_leased`, what this router holds already (for at most 20 s), or `refuse` with 503.
    """

    unpriced: Literal["refuse", "allow"] = "refuse"
    when_unreachable: Literal["spend_leased", "refuse"] = "spend_leased"

    def to_policy(self) -> MoneyPolicy:
        """The same for the router."""
        return MoneyPolicy(self.unpriced == "allow", self.when_unreachable == "spend_leased")


class AlertSettings(Settings):
    """
    Somebody who is told when a budget passes one of its shares.

    Attributes:
        kind: what is posted: Slack's `text`, an event of PagerDuty's Events API v2, or our own fields as `json`.
        url: where to; a secret, as Slack's addresses are. For PagerDuty it's its own address unless said.
        routing_key: PagerDuty's.
    """

    kind: Literal["slack", "pagerduty", "json"]
    url: SecretRef | None = None
    routing_key: SecretRef | None = None

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if self.kind == "pagerduty" and self.routing_key is None:
            raise ValueError("pagerduty needs routing_key, such as env:PAGERDUTY_KEY")
        if self.kind != "pagerduty" and self.routing_key is not None:
            raise ValueError("routing_key is for pagerduty only")
        if self.kind != "pagerduty" and self.url is None:
            raise ValueError(f"{self.kind} needs url, such as env:ALERT_URL")
        return self
