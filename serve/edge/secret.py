"""Lets only those through who know a replica's secret."""

import hmac

from turnout.models.errors import Unauthorized
from turnout.models.exchange import JSON_HEADERS, Handler, Out, RequestHead

SECRET_HEADER = b"x-turnout-secret"


def require_secret(handler: Handler, secret: bytes) -> Handler:
    """
    A handler that answers 401 unless the request carries the secret, compared in constant time.

    Args:
        handler: gets the request otherwise.
        secret: as sent in the header `x-turnout-secret`.

    Raises:
        ValueError: the secret is empty.
    """
    if not secret:
        raise ValueError("an empty secret would let everybody in")
    refusal = Unauthorized("this listener is for the replicas of its cluster only").to_json()

    async def check(head: RequestHead, body: bytes, out: Out) -> None:
        if hmac.compare_digest(head.headers.get(SECRET_HEADER, b""), secret):
            await handler(head, body, out)
        else:
            out.full(401, JSON_HEADERS, refusal)

    return check
