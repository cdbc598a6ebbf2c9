"""Gets a price table from its file or its address."""

import asyncio
from pathlib import Path

import httpx

from turnout.models.catalog.table import MOST_BYTES, BadTable
from turnout.serve.config.prices import PricesSettings

TIMEOUT_S = 30.0


async def fetch_table(settings: PricesSettings) -> bytes:
    """
    The document. Redirects aren't followed: the address is the one in the file.

    Raises:
        BadTable: it's larger than any table.
        OSError, httpx.HTTPError, TimeoutError: it can't be had.
    """
    async with asyncio.timeout(TIMEOUT_S):
        if settings.file is not None:
            document = await asyncio.to_thread(_read_file, settings.file)
        else:
            document = await _read_url(str(settings.url))
    if len(document) > MOST_BYTES:
        raise BadTable(f"it has more than {MOST_BYTES} bytes")
    return document


async def _read_url(url: str) -> bytes:
    pieces: list[bytes] = []
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_S) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as answer,
    ):
        answer.raise_for_status()
        size = 0
        async for piece in answer.aiter_bytes(65_536):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                break
    return b"".join(pieces)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
