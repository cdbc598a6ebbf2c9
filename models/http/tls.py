"""The client side of TLS."""

import ssl
from pathlib import Path


def make_client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """
    A context that checks the peer's certificate and name, for `Endpoint.tls`. Make one and share it: connections are pooled by context.

    Args:
        ca_file: certificates (PEM) to trust instead of the system's, for a private authority.

    Raises:
        OSError: the file can't be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
