"""Where a remote provider is and how to get in, for both placements: in the router, or in a deployment of its own."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from turnout.models.http.tls import make_client_context
from turnout.models.target import Endpoint
from turnout.serve.config.fields import SecretRef, Settings, expand_home
from turnout.serve.config.secret import Secrets, is_reference


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL starts with http:// or https:// and names a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a URL has no user, password, query or fragment here; credentials go into api_key or headers")
    _ = parts.port  # raises ValueError for a port that isn't one
    return url.rstrip("/")


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not name.replace("-", "").isalnum() or not name.isascii():
            raise ValueError(f"{name!r} isn't a header name")
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"the value of {name!r} has characters that a header can't carry")
        if name.lower() in ("authorization", "api-key", "x-api-key") and not is_reference(value):
            raise ValueError(f"the value of {name!r} is a secret: write env:NAME or file:PATH")
    return headers


def _check_proxy(url: str) -> str:
    return url if is_reference(url) else _check_url(url)


BaseUrl = Annotated[str, AfterValidator(_check_url)]
ProxyUrl = Annotated[str, AfterValidator(_check_proxy)]
HeaderLines = Annotated[dict[str, str], AfterValidator(_check_headers)]


class RemoteSettings(Settings):
    """
    A remote provider's address and credentials.

    Attributes:
        base_url: up to and without `/chat/completions`, such as `https://api.openai.com/v1`.
        api_key: sent as `authorization: Bearer`.
        headers: sent with every request; a value may be `env:NAME` or `file:PATH`.
        proxy: URL of a forward proxy; one with a password is written as `env:NAME` or `file:PATH`.
        ca_file: PEM file of the authorities to trust instead of the system's.
    """

    base_url: BaseUrl
    api_key: SecretRef | None = None
    headers: HeaderLines = {}
    proxy: ProxyUrl | None = None
    ca_file: Path | None = None

    def to_endpoint(self, secrets: Secrets) -> Endpoint:
        """
        The one endpoint at this address, with its secrets read.

        Raises:
            ConfigError: a secret or the authorities' file can't be read.
        """
        parts = urlsplit(self.base_url)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        headers = [(name.lower().encode(), secrets.resolve(value).encode()) for name, value in self.headers.items()]
        endpoint = Endpoint(
            id=f"{host}:{port}",
            host=host,
            port=port,
            tls=_trust(self.ca_file, secrets) if is_tls else None,
            base_path=parts.path,
            headers=tuple(headers),
            proxy=secrets.resolve(self.proxy) if self.proxy else None,
        )
        if self.api_key is None:
            return endpoint
        return authorize(endpoint, secrets.read_line(self.api_key), endpoint.id)


def authorize(endpoint: Endpoint, key: str, new_id: str) -> Endpoint:
    """The same address, under another id, with `key` sent along."""
    return replace(endpoint, id=new_id, headers=(*endpoint.headers, (b"authorization", b"Bearer " + key.encode())))


def _trust(ca_file: Path | None, secrets: Secrets) -> ssl.SSLContext:
    try:
        return make_client_context(expand_home(ca_file) if ca_file else None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise secrets.refuse(f"the authorities' file {str(ca_file)!r} can't be used: {error}") from error
