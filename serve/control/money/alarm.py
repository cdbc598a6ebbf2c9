"""Tells people that a budget passed one of its shares: to the log, and to webhooks by way of a bounded line of their own."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from turnout.serve.config.money import AlertSettings
from turnout.serve.config.secret import Secrets
from turnout.serve.control.money.alerts import Passed, find_level

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
PAUSES_S = (1.0, 5.0, 30.0)
"""Before each further try."""

CAPACITY = 200
_log = logging.getLogger("turnout.money")


class Poster(Protocol):
    """Sends JSON to a URL."""

    async def post(self, url: str, body: dict[str, Any]) -> None:
        """Raises OSError if it wasn't taken."""
        ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """
    One webhook.

    Attributes:
        kind: `slack`, `pagerduty` or `json`.
        url, routing_key: secrets; never shown.
    """

    kind: str
    url: str = field(repr=False)
    routing_key: str = field(default="", repr=False)


def read_recipients(settings: Sequence[AlertSettings], secrets: Secrets) -> tuple[Recipient, ...]:
    """The webhooks of a cluster file. Raises ConfigError where a secret is missing."""
    return tuple(
        Recipient(
            each.kind,
            secrets.read_line(each.url) if each.url else PAGERDUTY_URL,
            secrets.read_line(each.routing_key) if each.routing_key else "",
        )
        for each in settings
    )


def write_body(recipient: Recipient, passed: Passed) -> dict[str, Any]:
    """
    What is posted.

    Source: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (`text`); developer.pagerduty.com, Events API v2 (`routing_key`,
    `event_action`, `dedup_key`, `payload`), both as of 2026-11.
    """
    spent, amount = (f"{nusd / 1e9:.2f}" for nusd in (passed.spent_nusd, passed.amount_nusd))
    text = f"Budget {passed.budget} has passed {passed.share:.0%}: {spent} of {amount} USD ({passed.window})"
    if recipient.kind == "slack":
        return {"text": text}
    facts = {
        "budget": passed.budget,
        "share": passed.share,
        "spent_nusd": passed.spent_nusd,
        "amount_nusd": passed.amount_nusd,
        "window": passed.window,
        "window_began_at_s": passed.began_at_s,
        "is_hard": passed.is_hard,
        "at_ns": passed.at_ns,
    }
    if recipient.kind == "json":
        return {"event": "budget.alert", "text": text, **facts}
    return {
        "routing_key": recipient.routing_key,
        "event_action": "trigger",
        "dedup_key": f"turnout/{passed.budget}/{passed.share}/{passed.began_at_s}",
        "payload": {"summary": text, "source": "turnout", "severity": passed.severity, "custom_details": facts},
    }


class Alarm:
    """
    Owner of the alerts that are still to be sent; when more than `CAPACITY` wait, further ones are in log and audit only.

    Attributes:
        told: how many there were, by level and severity.
    """

    def __init__(
        self, recipients: Sequence[Recipient], poster: Poster, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._recipients = recipients
        self._poster = poster
        self._sleep = sleep
        self.told: Counter[tuple[str, str]] = Counter()
        self._line: asyncio.Queue[Passed] = asyncio.Queue(CAPACITY)

    def __repr__(self) -> str:
        return f"<Alarm {len(self._recipients)} recipients, {self._line.qsize()} waiting>"

    def tell(self, passed: Sequence[Passed]) -> None:
        """Log them, and queue them for the webhooks."""
        for each in passed:
            facts = {"budget": each.budget, "share": each.share, "spent_nusd": each.spent_nusd}
            _log.warning("a budget has passed a share", extra=facts)
            self.told[find_level(each.budget), each.severity] += 1
            if self._recipients and not self._line.full():
                self._line.put_nowait(each)

    async def run(self) -> None:
        """Send what is queued, until it's cancelled."""
        while True:
            passed = await self._line.get()
            for recipient in self._recipients:
                await self._post(recipient, write_body(recipient, passed))

    async def _post(self, recipient: Recipient, body: dict[str, Any]) -> None:
        for pause_s in (*PAUSES_S, None):
            try:
                return await self._poster.post(recipient.url, body)
            except OSError as error:
                # The address may be a secret, and errors have it in their text.
                _log.warning("an alert wasn't taken", extra={"kind": recipient.kind, "error": type(error).__name__})
                if pause_s is not None:
                    await self._sleep(pause_s)
        return None
