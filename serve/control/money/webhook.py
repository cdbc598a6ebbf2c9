"""Posts JSON to webhooks."""

from typing import Any

import httpx


class HttpPoster:
    """A `Poster` over the network; each call has a connection of its own, since alerts are rare."""

    def __init__(self, timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s

    async def post(self, url: str, body: dict[str, Any]) -> None:
        """Raises OSError if it wasn't taken with a 2xx."""
        try:
            async with httpx.AsyncClient(timeout=self._timeout_s) as client:
                answer = await client.post(url, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OSError(type(error).__name__) from None
        if not answer.is_success:
            raise OSError(f"status {answer.status_code}")
