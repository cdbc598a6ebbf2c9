"""Gets an issuer's key set from its URL or its file."""

import asyncio

import httpx

from turnout.serve.config.oidc import OidcSettings
from turnout.serve.sign_in.key_set import MOST_BYTES

TIMEOUT_S = 5.0


async def fetch_key_set(settings: OidcSettings) -> bytes:
    """
    The document, at most a little over `MOST_BYTES` of it. Redirects aren't followed: the address is the issuer's word.

    Raises:
        OSError, httpx.HTTPError, TimeoutError: it can't be had.
    """
    async with asyncio.timeout(TIMEOUT_S):
        if settings.jwks_file is not None:
            return await asyncio.to_thread(_read_file, settings)
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S) as client,
            client.stream("GET", str(settings.jwks_url), headers={"accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            document = b""
            async for piece in answer.aiter_bytes(65_536):
                document += piece
                if len(document) > MOST_BYTES:
                    break
            return document


def _read_file(settings: OidcSettings) -> bytes:
    assert settings.jwks_file is not None
    with settings.jwks_file.open("rb") as file:
        return file.read(MOST_BYTES + 1)
