"""The HTTP client of every command that speaks to a cluster of this machine."""

import httpx


def new_client(timeout_s: float = 2.0) -> httpx.Client:
    """
    A client for our own route, Control and Ray's dashboard.

    Proxies of the environment are left out: these addresses are this machine's. Certificates aren't checked: they name hosts, and we call addresses.
    """
    return httpx.Client(timeout=timeout_s, verify=False, trust_env=False)  # noqa: S501
