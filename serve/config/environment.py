"""Refuses environments in which Ray or Ray Serve would let somebody past the router."""

from collections.abc import Mapping

from turnout.serve.config.problem import Problem

_SWITCHES = {
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "Serve would open a port of its own on every replica and override proxy_location: Disabled",
    "RAY_SERVE_ENABLE_HA_PROXY": "Serve would start HAProxy in front of every application",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "it turns direct ingress on, which overrides proxy_location: Disabled, and delays a replica's drain by 30 s",
}
AUTH_MODE = "RAY_AUTH_MODE"
"""Ray's own switch: `token` or `disabled`."""
_FALSE = frozenset({"", "0", "false", "no", "off"})


def check_environment(environ: Mapping[str, str]) -> list[Problem]:
    """
    A problem for each switch that would put Serve's ingress in the path, or leave Ray's ports without a token.

    Anything but unset, empty, 0, false, no and off counts as set; RAY_AUTH_MODE may be unset or `token`.
    """
    problems = [
        Problem(f"environment.{name}", f"{name}={environ[name]!r}: {effect}", f"unset {name}")
        for name, effect in _SWITCHES.items()
        if environ.get(name, "").strip().lower() not in _FALSE
    ]
    if environ.get(AUTH_MODE, "token").lower() != "token":
        effect = "whoever reaches Ray's ports or its dashboard could run code on every node"
        problems.append(
            Problem(
                f"environment.{AUTH_MODE}", f"{AUTH_MODE}={environ[AUTH_MODE]!r}: {effect}", f"set {AUTH_MODE}=token"
            )
        )
    return problems
