"""Which config a router serves by: the last file accepted, under the last overlay from Control."""

import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from turnout.models.catalog.rates import Quotes
from turnout.router.catalogue import Catalogue
from turnout.serve.config.compile import apply_overlay, apply_quotes, compile_catalogue, version_of
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.problem import explain_errors
from turnout.serve.config.secret import ConfigError, Secrets

_log = logging.getLogger("turnout.config")


class ActiveConfig:
    """
    Owner of a router's dynamic config; never raises for a bad one.

    A bad config is refused and remembered in `rejected`, and the one before stays: Ray would stop a replica whose `reconfigure` raises.

    Attributes:
        accepted: the settings in force, or None before the first good ones.
        fingerprint: of those, or "".
        overlay: Control's changes in force.
        overlay_version: the version of those, or -1 before the first have come.
        quotes: what targets without prices of their own cost.
        rejected: why the last offer was refused, or None if it's in force.
    """

    def __init__(
        self, bind_host: str, secrets: Secrets, created_at_s: int, install: Callable[[Catalogue], None]
    ) -> None:
        self._bind_host = bind_host
        self._secrets = secrets
        self._created_at_s = created_at_s
        self._install = install
        self._base: Catalogue | None = None
        self.accepted: DynamicConfig | None = None
        self.fingerprint = ""
        self.overlay = Overlay()
        self.overlay_version = -1
        self.quotes = Quotes()
        self.rejected: str | None = None

    def __repr__(self) -> str:
        return f"<ActiveConfig {self.version or 'none'}{' rejected the last offer' if self.rejected else ''}>"

    @property
    def version(self) -> str:
        """The version in force, or "" for none."""
        return version_of(self.fingerprint, self.overlay) if self.fingerprint else ""

    def offer(self, user_config: dict[str, Any]) -> bool:
        """Take new settings from the cluster file, if they are good; whether they were."""
        try:
            config = DynamicConfig.model_validate(user_config)
        except ValidationError as error:
            problems = explain_errors(error.errors(), DynamicConfig)
            return self._reject("; ".join(str(problem) for _, problem in problems))
        return self._try(config)

    def adopt(self, config: DynamicConfig) -> None:
        """Take the settings that the other routers serve by, while there are no good ones of our own."""
        rejected = self.rejected
        if self.accepted is None and self._try(config):
            self.rejected = rejected  # what the file says is still wrong

    def set_overlay(self, overlay: Overlay) -> None:
        """Take Control's changes. They lie on the catalogue compiled before, so that endpoints, and the connections to them, stay the same."""
        self.overlay, self.overlay_version = overlay, overlay.version
        self._publish()

    def set_quotes(self, quotes: Quotes) -> None:
        """Take what targets cost by the price table; they lie on the catalogue as the overlay does."""
        self.quotes = quotes
        self._publish()

    def _publish(self) -> None:
        if self._base is not None:
            self._install(apply_overlay(apply_quotes(self._base, self.quotes), self.overlay, self.version))

    def _try(self, config: DynamicConfig) -> bool:
        try:
            base = compile_catalogue(config, Overlay(), "", self._bind_host, self._secrets, self._created_at_s)
        except ConfigError as error:
            return self._reject(str(error))
        self._base, self.accepted, self.rejected = base, config, None
        self.fingerprint = config.fingerprint()
        self._publish()
        _log.info("config %s is in force", self.version)
        return True

    def _reject(self, reason: str) -> bool:
        self.rejected = reason
        _log.error("config refused, the one before stays: %s", reason)
        return False
