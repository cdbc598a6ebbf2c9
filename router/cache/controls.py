"""Reads what a caller wants of the cache: `cache` in the body, `cache-control` in the head."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from turnout.models.errors import BadRequest
from turnout.models.exchange import RequestHead
from turnout.models.openai.request import ApiRequest

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/@-]{1,128}$")]
_Seconds = Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)]


class Controls(msgspec.Struct, frozen=True):
    """
    A caller's wishes.

    Attributes:
        may_find: whether a kept answer will do.
        may_keep: whether the answer may be kept.
        ttl_s: how long it's fresh at most, or None for the model's.
        max_age_s: how old a kept answer may be, or None.
        namespace: answers of others aren't found in it, nor its in others; "" is one too.
        tags: what the answer depends on, such as a document's id: it's gone when one of them is purged.
    """

    may_find: bool = True
    may_keep: bool = True
    ttl_s: float | None = None
    max_age_s: float | None = None
    namespace: str = ""
    tags: tuple[str, ...] = ()


NO_WISHES = Controls()


class _Body(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    ttl: _Seconds | None = None
    s_maxage: Annotated[float, Meta(ge=0)] | None = None
    no_cache: bool = False
    no_store: bool = False
    namespace: _Name | None = None
    tags: Annotated[tuple[_Name, ...], Meta(max_length=8)] = ()


_decode = msgspec.json.Decoder(_Body).decode
_CACHE_CONTROL = b"cache-control"
_MAX_AGE = re.compile(rb"(?:max-age|s-maxage)=(\d{1,9})")


def read_controls(request: ApiRequest, head: RequestHead) -> Controls:
    """
    The wishes of both places; where they differ, the stricter one counts.

    Raises:
        BadRequest: `cache` isn't what it should be.
    """
    line = head.headers.get(_CACHE_CONTROL)
    raw = request.fields.get("cache")
    if line is None and raw is None:
        return NO_WISHES
    body = _Body() if raw is None or bytes(raw) == b"null" else _read_body(raw)
    words = frozenset(word.strip() for word in (line or b"").lower().split(b","))
    ages = [int(found[1]) for word in words if (found := _MAX_AGE.fullmatch(word))]
    if body.s_maxage is not None:
        ages.append(int(body.s_maxage))
    return Controls(
        may_find=not (body.no_cache or b"no-cache" in words),
        may_keep=not (body.no_store or b"no-store" in words),
        ttl_s=body.ttl,
        max_age_s=min(ages, default=None),
        namespace=body.namespace or "",
        tags=body.tags,
    )


def _read_body(raw: msgspec.Raw) -> _Body:
    try:
        return _decode(raw)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"Invalid value for 'cache': {str(error)[:1].lower()}{str(error)[1:]}; it takes ttl, s-maxage, no-cache, no-store, namespace and tags.",
            "cache",
        ) from error
