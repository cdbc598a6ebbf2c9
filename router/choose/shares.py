"""Divides requests into parts by a hash that is the same in every router and after every restart."""

from hashlib import blake2b

from turnout.router.call import Call
from turnout.router.choose.terms import ShareBy

_WHOLE = 2.0**64


def place(salt: str, subject: bytes) -> float:
    """Where `subject` stands between 0 and 1: evenly spread, and independently for each `salt`."""
    digest = blake2b(subject, digest_size=8, key=blake2b(salt.encode(), digest_size=32).digest()).digest()
    return int.from_bytes(digest, "big") / _WHOLE


def subject_of(call: Call, by: ShareBy) -> bytes:
    """What stays together: the session where there is one, the key of a user without a name, else the request itself."""
    principal = call.principal
    match by:
        case "session" if call.features.session:
            return call.features.session
        case "user" if principal.user:
            return f"{principal.tenant}\0{principal.user}".encode()
        case "user" | "key":
            return principal.key_id.encode()
        case _:
            return call.arrival.id.encode()
