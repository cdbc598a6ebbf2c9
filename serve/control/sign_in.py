"""Lets people with an issuer's token use the admin routes, by the settings that routers accepted last."""

import asyncio
import time

from turnout.models.access import Actor
from turnout.serve.control.bell import Bell
from turnout.serve.control.settings import SettingsBook
from turnout.serve.sign_in.issuers import Issuers


class AdminSignIn:
    """Owner of Control's own copy of the issuers' keys, and of the tasks that keep them as the settings say."""

    def __init__(self, book: SettingsBook, bell: Bell) -> None:
        """Begin, on the running loop; `bell` is rung when `book` has other settings."""
        self._issuers = Issuers(time.time)
        loop = asyncio.get_running_loop()
        self._tasks = (
            loop.create_task(self._issuers.run(), name="ask issuers"),
            loop.create_task(self._follow(book, bell), name="follow issuers"),
        )

    def __repr__(self) -> str:
        return f"AdminSignIn({self._issuers!r})"

    @property
    def is_running(self) -> bool:
        """Whether keys are kept up to date."""
        return not any(task.done() for task in self._tasks)

    def find_actor(self, token: str) -> Actor | None:
        """Who a token is here, or None: not valid, or without a role."""
        return self._issuers.find_actor(token)

    def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()

    async def _follow(self, book: SettingsBook, bell: Bell) -> None:
        while True:
            config = book.config
            self._issuers.set(config.auth.oidc if config else ())
            await bell.wait_until(lambda: book.config is not config, 3600.0)  # noqa: B023  # waited for here
