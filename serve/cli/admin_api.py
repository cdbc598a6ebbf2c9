"""Control's admin API, as the machine that runs Control sees it: loopback, with the key from its state folder."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from turnout.serve.cli.outline import Outline
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.config.secret import ConfigError, Secrets

T = TypeVar("T")


class SeenTarget(msgspec.Struct, frozen=True):
    """A target as one router sees it; `turnout.serve.control.report.TargetReport` says what each part means."""

    name: str
    state: str
    endpoints: int
    in_flight: int
    waiting: int
    breaker: str = ""
    resting: int = 0


class Router(msgspec.Struct, frozen=True):
    """
    A router that reports to Control.

    Attributes:
        config: fingerprint of the settings it serves, or None.
        rejected: why it refused newer ones, or None.
    """

    router: str
    node: str
    overlay_version: int
    config: str | None
    rejected: str | None
    in_flight: int


class OverlayState(msgspec.Struct, frozen=True):
    """The admin changes on top of the file."""

    version: int
    weights: dict[str, float]
    drained: list[str]


class ConfigState(msgspec.Struct, frozen=True):
    """The settings that routers accepted last."""

    fingerprint: str


class ModelState(msgspec.Struct, frozen=True):
    """
    A model, as far as it's in trouble.

    Attributes:
        down_at: routers at which none of its targets can answer now.
        fallbacks: models that are asked instead, in order.
        degrades: whether callers get a configured answer where those can't answer either.
    """

    name: str
    down_at: list[str]
    fallbacks: list[str]
    degrades: bool


class Status(msgspec.Struct, frozen=True):
    """The answer to `GET /admin/status`."""

    version: str
    config: ConfigState | None
    overlay: OverlayState
    routers: list[Router]
    models: list[ModelState] = []


class Target(msgspec.Struct, frozen=True):
    """A row of `GET /admin/targets`."""

    name: str
    models: list[str]
    pool: str | None
    provider: str | None
    weight: float
    file_weight: float
    drained: bool
    routers: dict[str, SeenTarget]

    @property
    def in_flight(self) -> int:
        """Requests at it, and in line for it, from all routers."""
        return sum(seen.in_flight + seen.waiting for seen in self.routers.values())


class Reach(msgspec.Struct, frozen=True):
    """How far a change came: routers by name."""

    overlay: OverlayState
    acknowledged: list[str]
    lease_ended: list[str]
    late: list[str]


class BudgetView(msgspec.Struct, frozen=True):
    """A row of `GET /budget/list`; money in USD, for showing."""

    budget_id: str
    max_budget: float
    spend: float
    held: float
    left: float
    forecast: float | None
    window: str
    window_began_at_s: int
    window_ends_at_s: int | None
    model: str | None
    is_hard: bool
    alert_shares: list[float]
    downgrade_at: float | None
    downgrade_to: str | None


class AdminApi:
    """Asks and tells one cluster's Control; every method raises Refusal if Control isn't there or says no."""

    def __init__(self, outline: Outline, client: httpx.Client, environ: Mapping[str, str]) -> None:
        self._outline = outline
        self._client = client
        self._secrets = Secrets(environ, "this machine")

    def read_status(self) -> Status:
        """Routers, settings and overlay in force."""
        return self._send("GET", "/admin/status", Status)

    def list_targets(self) -> list[Target]:
        """Every target, as the file has it, as it's changed, and as each router sees it."""
        return self._send("GET", "/admin/targets", list[Target])

    def change_target(self, name: str, change: Mapping[str, float | bool | None]) -> Reach:
        """Change weight or drain of a target; returns when every live router applies it or its lease has ended."""
        return self._send("PUT", f"/admin/targets/{quote(name, safe='')}", Reach, dict(change))

    def reset(self) -> Reach:
        """Drop every admin change."""
        return self._send("POST", "/admin/config/reset", Reach)

    def list_budgets(self) -> list[BudgetView]:
        """Every budget, and what is spent of it."""
        return self._send("GET", "/budget/list", list[BudgetView])

    def get_budget(self, budget_id: str) -> BudgetView:
        """One budget."""
        return self._send("GET", f"/budget/info?budget_id={quote(budget_id, safe='')}", BudgetView)

    def reset_budget(self, budget_id: str) -> BudgetView:
        """Begin its window anew."""
        return self._send("POST", "/budget/reset", BudgetView, {"budget_id": budget_id})

    def try_count_in_flight(self) -> int | None:
        """Requests in flight at all routers, or None if Control can't say."""
        try:
            return sum(router.in_flight for router in self.read_status().routers)
        except Refusal:
            return None

    def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        """The answer of any route, as the JSON object that it is."""
        return self._send(method, path, dict[str, Any], body)

    def _send(self, method: str, path: str, kind: type[T], body: dict[str, object] | None = None) -> T:
        url = self._outline.admin_url
        try:
            headers = {"authorization": f"Bearer {self._secrets.read(self._outline.admin_key)}"}
            answer = self._client.request(method, url + path, json=body, headers=headers, timeout=10.0)
        except ConfigError as error:
            hint = "is it up on this machine? Control makes the key on its first start"
            raise Refusal(f"no admin key for {self._outline.file.name}: {error}", hint) from error
        except httpx.TransportError as error:
            raise Refusal(
                f"Control doesn't answer at {url}: {error}", f"`turnout up {self._outline.file}` starts it"
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Refusal(
                f"Control at {url} refuses the key in {self._outline.admin_key}", "is another cluster on that port?"
            )
        if not answer.is_success:
            code = ExitCode.BAD_INPUT if answer.is_client_error else ExitCode.FAILED
            raise Refusal(_read_message(answer), "", code)
        return msgspec.json.decode(answer.content, type=kind)


def _read_message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"Control answers {answer.status_code}: {answer.text.strip()[:500]}"
