"""Waits until a changed cluster file has reached every replica and every router, or says who refused it and why."""

from collections.abc import Callable, Mapping

from turnout.serve.cli.admin_api import AdminApi, Router, Status
from turnout.serve.cli.causes import explain, last_line
from turnout.serve.cli.located import Located
from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.screen import Progress, Row, count
from turnout.serve.cli.serve_api import Application
from turnout.serve.cli.stages import describe_application, find_failure

TOLD_S = 2.0
"""Routers tell Control of new settings within its poll of 0.5 s, so what they refuse so long after Serve is done is the new."""

Rejections = frozenset[tuple[str, str | None]]
"""Routers and what they refused."""


def read_rejections(admin: AdminApi) -> Rejections:
    """What routers refuse now, before anything is changed; raises Refusal if there's no Control."""
    return frozenset((router.router, router.rejected) for router in admin.read_status().routers)


def apply_config(
    cluster: Located,
    admin: AdminApi,
    progress: Progress,
    before: Rejections,
    wait_s: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> int:
    """
    Wait until Serve has replaced what it must and every router serves the file's settings; how many routers.

    Args:
        cluster: what has been told of the file.
        admin: its Control.
        progress: shows how far it is.
        before: `read_rejections` from before; such a router may just not have told of the new settings yet.
        wait_s: longest.
        now: monotonic seconds.
        sleep: waits so many seconds.

    Raises:
        Refusal: a router refused them, an application can't start, or it took longer than `wait_s`.
    """
    began_at, wanted = now(), cluster.outline.fingerprint
    settled_at = None
    while True:
        details, status = cluster.api.try_read(), _try_status(admin)
        applications = details.applications if details else {}
        rows = [describe_application(name, application) for name, application in applications.items()]
        routers = status.routers if status else []
        progress.show([*rows, _describe_routers(routers, wanted)], now() - began_at)
        is_settled = bool(applications) and all(each.status == "RUNNING" for each in applications.values())
        settled_at = (settled_at or now()) if is_settled else None
        is_told = settled_at is not None and now() - settled_at >= TOLD_S
        _refuse_rejected(
            [router for router in routers if is_told or (router.router, router.rejected) not in before], wanted
        )
        _refuse_failed(applications)
        if is_settled and routers and all(router.config == wanted for router in routers):
            return len(routers)
        if now() - began_at >= wait_s:
            raise Refusal(
                "the change hasn't reached everything yet",
                "`turnout status` shows how far it is; --wait-s gives it longer",
            )
        sleep(0.3)


def _describe_routers(routers: list[Router], wanted: str) -> Row:
    reached = sum(router.config == wanted for router in routers)
    phase = "done" if routers and reached == len(routers) else "working"
    return Row("routers", phase, f"{reached} of {len(routers)} serve {wanted}")


def _refuse_rejected(routers: list[Router], wanted: str) -> None:
    refused = [router for router in routers if router.rejected and router.config != wanted]
    if refused:
        told = "\n".join(f"  {router.router} on node {router.node[:12]}: {router.rejected}" for router in refused)
        raise Refusal(f"{count(len(refused), 'router')} refused it and serve what was there before:\n{told}")


def _refuse_failed(applications: Mapping[str, Application]) -> None:
    if failed := find_failure(applications):
        name, message = failed
        raise Refusal(f"the application {name!r} can't start: {explain(message) or last_line(message)}")


def _try_status(admin: AdminApi) -> Status | None:
    try:
        return admin.read_status()
    except Refusal:  # Control itself may be the one that's being replaced
        return None
