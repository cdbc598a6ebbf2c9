"""Reads off a body what its model must be able to do."""

import re
from collections.abc import Mapping

import msgspec

from turnout.models.target import Capability

_PARTS = {b"image_url": Capability.VISION, b"input_audio": Capability.AUDIO}
_PART = re.compile(rb'"type"\s*:\s*"(image_url|input_audio)"')
_NOTHING: frozenset[Capability] = frozenset()
_EMPTY = (b"null", b"[]")


class _Format(msgspec.Struct):
    type: str | None = None


_decode_format = msgspec.json.Decoder(_Format | None).decode


def read_needs(fields: Mapping[str, msgspec.Raw], body: bytes) -> frozenset[Capability]:
    """
    The capabilities that a checked chat request can't be answered without.

    Args:
        fields: the top level of `body`.
        body: the whole. A picture that is only spoken of stands there with its quotation marks escaped, and isn't taken for one.
    """
    needs: set[Capability] | None = None
    if "tools" in fields and bytes(fields["tools"]) not in _EMPTY:
        needs = {Capability.TOOLS}
    if "response_format" in fields:
        wanted = _decode_format(fields["response_format"])
        if wanted is not None and wanted.type == "json_schema":
            needs = {*(needs or ()), Capability.JSON_SCHEMA}
    if b"image_url" in body or b"input_audio" in body:
        needs = {*(needs or ()), *(_PARTS[kind] for kind in _PART.findall(body))}
    return frozenset(needs) if needs else _NOTHING
