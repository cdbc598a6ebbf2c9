"""Refuses environments in which Ray Serve would put its own ingress back between clients and the router."""

from collections.abc import Mapping

from turnout.serve.config.problem import Problem

_SWITCHES = {
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "Serve would open a port of its own on every replica and override proxy_location: Disabled",
    "RAY_SERVE_ENABLE_HA_PROXY": "Serve would start HAProxy in front of every application",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "it turns direct ingress on, which overrides proxy_location: Disabled, and delays a replica's drain by 30 s",
}
_FALSE = frozenset({"", "0", "false", "no", "off"})


def check_environment(environ: Mapping[str, str]) -> list[Problem]:
    """A problem for each switch that would put Serve's ingress in the path. Anything but unset, empty, 0, false, no and off counts as set."""
    return [
        Problem(f"environment.{name}", f"{name}={environ[name]!r}: {effect}", f"unset {name}")
        for name, effect in _SWITCHES.items()
        if environ.get(name, "").strip().lower() not in _FALSE
    ]
