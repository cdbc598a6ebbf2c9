"""Makes the key of a request: two requests have the same one exactly where the same answer does for both."""

import hashlib
from decimal import Decimal

import msgspec

from turnout.models.access import Principal
from turnout.router.cache.policy import CachePolicy, Scope
from turnout.router.call import Call

KEY_BYTES = 32

# Fields that say how an answer is delivered, booked or found again, not what it says. Everything else counts, fields that nobody here knows too.
_NOT_ASKED = frozenset(
    {
        "cache",
        "metadata",
        "model",
        "priority",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "session_id",
        "store",
        "stream",
        "stream_options",
        "timeout",
        "user",
    }
)
_NULL = msgspec.Raw(b"null")

# As decimals, numbers that differ stay different, however many digits they have.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


def make_key(call: Call, policy: CachePolicy, namespace: str) -> bytes:
    """
    32 bytes of BLAKE2b over whose request it is, what may answer it, and what it asks, in one form.

    The order of keys, blanks and ways to escape a character make no difference; a number written otherwise may, which costs a hit and no more.

    Raises:
        ValueError: it can't be brought into one form: a number of thousands of digits.
        RecursionError: it's nested too deeply.
    """
    request, principal, constraints = call.request, call.principal, call.constraints
    fields = request.fields
    asked = {name: raw for name, raw in fields.items() if name not in _NOT_ASKED and raw != _NULL}
    regions = constraints.regions
    whose = (
        principal.tenant,
        _find_scope(principal, policy.scope),
        [(name, _decode(fields[name])) for name in policy.personal],
        namespace,
        request.operation.label,
        request.model,
        "" if call.choice is None else call.choice.model,
        policy.revision,
        constraints.is_local_only,
        None if regions is None else sorted(regions),
    )
    return hashlib.blake2b(_encode((whose, _decode(_encode(asked)))), digest_size=KEY_BYTES).digest()


def _find_scope(principal: Principal, scope: Scope) -> str:
    """Whose answers within a tenant; a key without a user has a scope of its own."""
    if scope is Scope.KEY or (scope is Scope.USER and not principal.user):
        return f"key {principal.key_id}"
    return f"user {principal.user}" if scope is Scope.USER else ""
