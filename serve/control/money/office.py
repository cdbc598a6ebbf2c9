"""All that Control does with money, as one thing to start and to stop."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Self

from turnout.serve.config.money import AlertSettings
from turnout.serve.config.secret import Secrets
from turnout.serve.control.money.alarm import Alarm, read_recipients
from turnout.serve.control.money.treasury import Definitions, Treasury
from turnout.serve.control.money.webhook import HttpPoster
from turnout.serve.control.roster import Roster
from turnout.serve.control.sql_store import SqlStore


class MoneyOffice:
    """
    Owner of the treasury and of the tasks beside it: one looks after leases of routers that are gone, one sends alerts.

    Attributes:
        alerts_told: how many there were, by level and severity.
    """

    def __init__(self, treasury: Treasury, alarm: Alarm) -> None:
        self.treasury = treasury
        self.alerts_told: Mapping[tuple[str, str], int] = alarm.told
        loop = asyncio.get_running_loop()
        self._tasks = (
            loop.create_task(treasury.reap_for_ever(), name="reap leases"),
            loop.create_task(alarm.run(), name="send alerts"),
        )

    @classmethod
    def open(
        cls,
        store: SqlStore,
        definitions: Definitions,
        roster: Roster,
        alerts: Sequence[AlertSettings],
        secrets: Secrets,
    ) -> Self:
        """
        Begin; before the store gets its first row.

        Raises:
            ConfigError: the secret of an alert is missing.
        """
        alarm = Alarm(read_recipients(alerts, secrets), HttpPoster(), asyncio.sleep)
        treasury = Treasury(
            store.committer,
            definitions,
            lambda: [member.report.router for member in roster.live()],
            clock=time.monotonic,
            wall_ns=time.time_ns,
            tell=alarm.tell,
        )
        store.followers.append(treasury.follow)
        return cls(treasury, alarm)

    @property
    def is_running(self) -> bool:
        """Whether leases and alerts are looked after."""
        return not any(task.done() for task in self._tasks)

    def close(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            task.cancel()
