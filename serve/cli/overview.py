"""A cluster on one screen, as text."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from turnout.serve.cli.admin_api import ModelState, Status, Target
from turnout.serve.cli.causes import last_line
from turnout.serve.cli.screen import align, count
from turnout.serve.cli.serve_api import Application


class Overview(msgspec.Struct, frozen=True):
    """
    What is shown, and printed as JSON.

    Attributes:
        url: of the route.
        control: what Control says of routers, settings and overlay.
        targets: as the file has them, as they're changed, as routers see them.
        applications: what Serve says of every application, by name; empty where Ray's dashboard doesn't answer.
    """

    url: str
    control: Status
    targets: Sequence[Target]
    applications: Mapping[str, Application]


def write_overview(overview: Overview) -> list[str]:
    """The lines: cluster, routers, targets, applications, then whatever is wrong."""
    control = overview.control
    config = control.config.fingerprint if control.config else "none"
    lines = [f"{overview.url}   config {config}+{control.overlay.version}   turnout {control.version}", ""]
    lines += align([("ROUTER", "NODE", "IN FLIGHT", "CONFIG"), *_router_rows(control)])
    lines += [
        "",
        *align(
            [
                ("TARGET", "MODELS", "WHERE", "WEIGHT", "STATE", "ENDPOINTS", "IN FLIGHT", "WAITING"),
                *map(_target_row, overview.targets),
            ]
        ),
    ]
    if overview.applications:
        rows = [_application_row(name, application) for name, application in overview.applications.items()]
        lines += ["", *align([("APPLICATION", "STATUS", "REPLICAS"), *rows])]
    troubles = [*_router_troubles(control), *_model_troubles(overview), *_application_troubles(overview.applications)]
    return [*lines, "", *troubles] if troubles else lines


def _router_rows(control: Status) -> list[tuple[str, ...]]:
    return [
        (router.router, router.node[:12], str(router.in_flight), f"{router.config or 'none'}+{router.overlay_version}")
        for router in control.routers
    ]


def _target_row(target: Target) -> tuple[str, ...]:
    weight = f"{target.weight:g}" + (f" (file: {target.file_weight:g})" if target.weight != target.file_weight else "")
    seen = target.routers.values()
    endpoints = max((each.endpoints for each in seen), default=0)
    resting = max((each.resting for each in seen), default=0)
    return (
        target.name,
        ", ".join(target.models),
        f"pool {target.pool}" if target.pool else f"provider {target.provider}",
        weight,
        _write_state(target),
        f"{endpoints} ({resting} resting)" if resting else str(endpoints),
        str(sum(each.in_flight for each in seen)),
        str(sum(each.waiting for each in seen)),
    )


def _write_state(target: Target) -> str:
    """Each state that some router sees it in; at how many of them, where they don't agree."""
    if target.drained:
        return "drained"
    states = Counter(each.state for each in target.routers.values())
    if len(states) < 2:
        return next(iter(states), "no router")
    return ", ".join(f"{state} {seen}/{states.total()}" for state, seen in sorted(states.items()))


def _application_row(name: str, application: Application) -> tuple[str, ...]:
    return (name, application.status, f"{application.running} of {application.wanted}")


def _router_troubles(control: Status) -> list[str]:
    if not control.routers:
        return ["no router reports to Control"]
    return [
        f"router {router.router} refused the newest config and serves {router.config or 'none'}: {router.rejected}"
        for router in control.routers
        if router.rejected
    ]


def _model_troubles(overview: Overview) -> list[str]:
    routers = len(overview.control.routers)
    return [
        f"model {model.name}: nothing can answer at {len(model.down_at)} of {count(routers, 'router')} "
        f"({_write_targets(model.name, overview.targets)}); {_write_instead(model)}"
        for model in overview.control.models
        if model.down_at
    ]


def _write_targets(model: str, targets: Sequence[Target]) -> str:
    return ", ".join(f"{target.name} {_write_state(target)}" for target in targets if model in target.models)


def _write_instead(model: ModelState) -> str:
    if model.fallbacks:
        return f"requests go to {', '.join(model.fallbacks)}"
    return "requests get its configured answer" if model.degrades else "requests are refused with 503"


def _application_troubles(applications: Mapping[str, Application]) -> list[str]:
    return [
        f"application {name} is {application.status}: {last_line(application.message)}"
        for name, application in applications.items()
        if application.status in ("UNHEALTHY", "DEPLOY_FAILED")
    ]
