"""What a cluster is doing while it starts, as rows for the progress display."""

from collections.abc import Mapping, Sequence

from turnout.serve.cli.causes import find_error, last_line
from turnout.serve.cli.screen import Row
from turnout.serve.cli.serve_api import Application

FAILED = frozenset({"DEPLOY_FAILED"})


def describe_start(
    expected: Sequence[str], applications: Mapping[str, Application] | None, *, has_ray: bool, is_ready: bool, url: str
) -> list[Row]:
    """
    One row for Ray, one an application in the file's order, one for the route.

    Args:
        expected: names of the applications in the file.
        applications: what Serve says; None while it says nothing.
        has_ray: whether Ray is up.
        is_ready: whether the route answers.
        url: of the route.
    """
    ray = Row("ray", "done", "up") if has_ray else Row("ray", "working", "starting")
    rows = [ray, *(describe_application(name, (applications or {}).get(name)) for name in expected)]
    others_done = all(row.phase == "done" for row in rows)
    if is_ready:
        return [*rows, Row("route", "done", f"answers at {url}")]
    if others_done:
        return [*rows, Row("route", "working", "waiting for its models")]
    return [*rows, Row("route", "waiting", "waits for the applications")]


def find_failure(applications: Mapping[str, Application]) -> tuple[str, str] | None:
    """The first application that Serve gave up on, and its message."""
    for name, application in applications.items():
        if application.status in FAILED:
            messages = [application.message, *(deployment.message for deployment in application.deployments.values())]
            return name, max(messages, key=len)
    return None


def describe_application(name: str, application: Application | None) -> Row:
    """One application's row; None is one that Serve doesn't know of yet."""
    if application is None:
        return Row(name, "waiting", "waits for Ray")
    running, wanted = application.running, application.wanted
    match application.status:
        case "RUNNING":
            return Row(name, "done", f"running, {running} of {wanted} replicas")
        case "DEPLOY_FAILED":
            return Row(name, "failed", last_line(application.message) or "failed to start")
        case "UNHEALTHY":
            return Row(name, "failed", f"unhealthy, Serve replaces it: {last_line(application.message)}")
    if not wanted:
        return Row(name, "working", "is being built")
    errors = [error for deployment in application.deployments.values() if (error := find_error(deployment.message))]
    return Row(name, "working", f"starting, {running} of {wanted} replicas" + (f": {errors[0]}" if errors else ""))
