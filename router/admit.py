"""First stage: who is it, is it a request at all, and what must hold for it."""

import hashlib
import re
from collections.abc import Callable

import msgspec

from turnout.models.access import Principal
from turnout.models.errors import BadRequest, Forbidden, ModelNotFound, NoTarget, Unauthorized
from turnout.models.exchange import RequestHead
from turnout.models.openai.request import ApiRequest, Operation, parse_request
from turnout.router.call import Arrival
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.directory import PREFIX, Directory
from turnout.router.residency import ANYWHERE, both, read_residency
from turnout.router.values import Constraints

_ANONYMOUS = Principal("anonymous", "anonymous")
_UNKNOWN_KEY = "Incorrect or missing API key: send one of this gateway's keys as 'Authorization: Bearer KEY'."
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_SECONDS = re.compile(rb"\d{1,6}(\.\d{1,6})?")
_WHOLE = re.compile(rb"-?\d{1,9}")
_PRIORITY, _RESIDENCY = b"x-turnout-priority", b"x-turnout-residency"
_TOTAL, _FIRST_TOKEN, _GAP = b"x-turnout-timeout-s", b"x-turnout-ttft-s", b"x-turnout-gap-s"

LOWEST = 100
"""How far callers may stand back behind what their key has; more counts as this."""


class Admitted(msgspec.Struct, frozen=True):
    """A request that may go on."""

    principal: Principal
    request: ApiRequest
    constraints: Constraints
    route: ModelRoute


def identify(head: RequestHead, catalogue: Catalogue, directory: Directory, at_ns: int) -> Principal:
    """
    Who asks, by the key or token in `authorization: Bearer`, `x-api-key` or `api-key`, which is hashed before any look-up.

    Args:
        catalogue: has the cluster file's keys, which are looked at first, and the tiers.
        directory: has the keys that Control handed out, and the sessions of tokens.
        at_ns: wall clock.

    Raises:
        Unauthorized: no key, not one of ours, or one that has expired: always the same body.
        Forbidden: the key, or what it belongs to, is blocked.
        NoTarget: it looks like a key of Control's, which this router hasn't heard from yet.
    """
    key = _presented_key(head)
    digest = hashlib.blake2b(key, digest_size=32).digest()
    principal = catalogue.keys.get(digest)
    if principal is None:
        principal = directory.find(digest) or directory.sessions.find(digest, key)
        if principal is None:
            return _anonymous(key, catalogue, directory)
        principal = catalogue.tiers.apply(digest, principal)
    if principal.is_blocked:
        raise Forbidden("This API key is blocked; whoever gave it to you can unblock it.")
    if principal.expires_at_s is not None and principal.expires_at_s * 1e9 <= at_ns:
        raise Unauthorized(_UNKNOWN_KEY)
    return principal


def admit(
    operation: Operation, head: RequestHead, body: bytes, catalogue: Catalogue, directory: Directory, arrival: Arrival
) -> Admitted:
    """
    Check key, body and model, in this order, so that strangers learn nothing.

    Raises:
        Unauthorized, NoTarget: see `identify`.
        Forbidden: see `identify`; and where the key isn't for this operation.
        BadRequest: the body or a header of ours is wrong; the message says which part.
        ModelNotFound: no such model for this key, the caller's own fallbacks included.
    """
    principal = identify(head, catalogue, directory, arrival.at_ns)
    allowed = principal.allowed_operations
    if allowed is not None and operation.label not in allowed:
        raise Forbidden(
            f"This API key isn't for {operation.label}; it is for {', '.join(sorted(allowed)) or 'nothing'}."
        )
    request = _rank(head, parse_request(operation, body))
    route = _find_route(request.model, operation, principal, catalogue)
    if catalogue.wildcards and (wildcard := route.wildcard_of(request.model)):
        request = msgspec.structs.replace(request, wildcard=wildcard)
    if request.fallbacks:
        for name in request.fallbacks:
            _find_route(name, operation, principal, catalogue)
    return Admitted(principal, request, _constraints(head, principal, request, route, arrival.started_at), route)


def request_id(head: RequestHead, new_id: Callable[[], str]) -> tuple[str, bytes]:
    """
    Our own id of a request, unique, for the ledger; and the id to echo: the caller's if it is well-formed, else ours.

    A caller's id is never a ledger key: whoever sends one twice would ask for free.
    """
    own = new_id()
    return own, caller_id(head) or own.encode()


def caller_id(head: RequestHead) -> bytes | None:
    """The caller's own `x-request-id`, if it is well-formed: only such a one is sent back."""
    sent = head.headers.get(b"x-request-id")
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else None


def _anonymous(key: bytes, catalogue: Catalogue, directory: Directory) -> Principal:
    """Whoever has no key of ours, where anybody may come in."""
    if catalogue.is_open:
        return _ANONYMOUS
    if not directory.is_known and key.startswith(PREFIX):
        raise NoTarget("This router doesn't know its keys yet; try again soon.", None, 1.0)
    raise Unauthorized(_UNKNOWN_KEY)


def _presented_key(head: RequestHead) -> bytes:
    authorization = head.headers.get(b"authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(b" ")
        return key.strip() if scheme.lower() == b"bearer" else b""
    return head.headers.get(b"x-api-key") or head.headers.get(b"api-key") or b""


def _find_route(name: str, operation: Operation, principal: Principal, catalogue: Catalogue) -> ModelRoute:
    """The route of a public model; one that this key may not use looks like one that isn't there."""
    route = catalogue.exact.get(name) or catalogue.find_wildcard(name)
    if route is None or not principal.may_use(name):
        raise ModelNotFound(f"The model {name!r} does not exist or you do not have access to it.", "model")
    if operation.label not in route.operations:
        raise BadRequest(
            f"Model {name!r} doesn't serve {operation.label}; it serves {', '.join(sorted(route.operations))}.", "model"
        )
    return route


def _rank(head: RequestHead, request: ApiRequest) -> ApiRequest:
    """The request with the priority that counts: the header's or else the body's, within 0 and 100, so that nobody stands before what its key has."""
    value = head.headers.get(_PRIORITY)
    if value is not None and not _WHOLE.fullmatch(value):
        raise BadRequest(
            f"x-turnout-priority is {value.decode('latin-1')!r}; give a whole number, such as 10.", _PRIORITY.decode()
        )
    asked = request.priority if value is None else int(value)
    priority = max(0, min(asked, LOWEST))
    return request if priority == request.priority else msgspec.structs.replace(request, priority=priority)


def _constraints(
    head: RequestHead, principal: Principal, request: ApiRequest, route: ModelRoute, now: float
) -> Constraints:
    headers = head.headers
    label = headers.get(_RESIDENCY)
    residency = ANYWHERE if label is None else read_residency(label)
    preferences = request.preferences
    total, first_token, gap = headers.get(_TOTAL), headers.get(_FIRST_TOKEN), headers.get(_GAP)
    timeouts = route.timeouts
    total_s = (request.timeout_s or timeouts.total_s) if total is None else _read_seconds(_TOTAL, total)
    return Constraints(
        residency.is_local_only or principal.is_local_only,
        now + min(total_s, timeouts.total_s),
        None if first_token is None else _try_shorten(timeouts.first_token_s, _FIRST_TOKEN, first_token),
        None if gap is None else _try_shorten(timeouts.gap_s, _GAP, gap),
        both(residency.regions, principal.allowed_regions),
        residency.is_private or (preferences is not None and preferences.is_private),
        request.needs,
        preferences,
    )


def _try_shorten(limit_s: float, name: bytes, value: bytes) -> float | None:
    """What a header asks for where that's less than the model's own limit."""
    asked_s = _read_seconds(name, value)
    return asked_s if asked_s < limit_s else None


def _read_seconds(name: bytes, value: bytes) -> float:
    if not _SECONDS.fullmatch(value) or float(value) <= 0:
        header = name.decode()
        raise BadRequest(f"{header} is {value.decode('latin-1')!r}; give seconds, such as 30.", header)
    return float(value)
