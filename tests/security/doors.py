"""How requests are sent to a handler without a socket, by everybody who shouldn't get through and by those who should."""

from collections.abc import Mapping

from tests.fakes import FakeOut
from turnout.models.exchange import Handler, RequestHead

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

STRANGERS: Mapping[str, Mapping[bytes, bytes]] = {
    "nothing": {},
    "an empty bearer": {b"authorization": b"Bearer "},
    "a wrong key": {b"authorization": b"Bearer sk-wrong-0123456789"},
    "a wrong key of ours by its look": {b"authorization": b"Bearer sk-tn-wrong-0123456789"},
    "another scheme": {b"authorization": b"Basic YWRtaW46YWRtaW4="},
    "no scheme": {b"authorization": b"sk-0123456789"},
    "bytes": {b"authorization": b"Bearer \xff\xfe\x80"},
    "a long key": {b"authorization": b"Bearer " + b"k" * 20_000},
    "an empty api key": {b"x-api-key": b""},
    "an unsigned token": {b"authorization": b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."},
    "half a token": {b"authorization": b"Bearer eyJhbGciOiJSUzI1NiJ9.e30"},
    "an empty secret": {b"x-turnout-secret": b""},
    "a wrong secret": {b"x-turnout-secret": b"wrong"},
}
"""Whom nobody knows."""


async def send(
    handler: Handler, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes = b"", query: bytes = b""
) -> FakeOut:
    """One request; an exception that leaves the handler leaves this, too: it would be a 500."""
    out = FakeOut()
    lines = {b"host": b"127.0.0.1", b"content-type": b"application/json", b"content-length": b"%d" % len(body)}
    await handler(RequestHead(method.encode(), path.encode(), query, {**lines, **headers}, "192.0.2.1"), body, out)
    return out
