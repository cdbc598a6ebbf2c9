"""Reads the tags that a caller puts on a request, for reports."""

import re
from collections.abc import Mapping

import msgspec

MAX_TAGS = 16
"""Of one request; OpenAI allows as many pairs in `metadata`."""

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+ -]{0,63}")


class _Metadata(msgspec.Struct, gc=False):
    tags: list[str] | str | None = None


_decode = msgspec.json.Decoder(_Metadata).decode


def read_tags(fields: Mapping[str, msgspec.Raw]) -> str:
    """
    `metadata.tags` of a body, a list or a text with commas, as the ledger keeps them: sorted, once each, with commas between.

    Never refuses: what isn't a tag (64 letters, digits and `._:/@+ -`) is left out, and the upstream judges `metadata` itself.
    """
    metadata = fields.get("metadata")
    if metadata is None:
        return ""
    try:
        tags = _decode(metadata).tags
    except msgspec.DecodeError:
        return ""
    if not tags:
        return ""
    words = {tag.strip() for tag in (tags.split(",") if isinstance(tags, str) else tags)}
    return ",".join(sorted(word for word in words if _TAG.fullmatch(word))[:MAX_TAGS])
