"""Reads off a body what its model must be able to do."""

from collections.abc import Mapping

import msgspec

from turnout.models.openai.schema import ChatBody
from turnout.models.target import Capability

_PARTS = {"image_url": Capability.VISION, "input_audio": Capability.AUDIO}
_NOTHING: frozenset[Capability] = frozenset()


class _Format(msgspec.Struct):
    type: str | None = None


_decode_format = msgspec.json.Decoder(_Format).decode


def read_needs(checked: ChatBody, fields: Mapping[str, msgspec.Raw]) -> frozenset[Capability]:
    """
    The capabilities that a chat request can't be answered without.

    Args:
        checked: the body.
        fields: its top level as it came.
    """
    needs = {
        _PARTS[part.type]
        for message in checked.messages
        if type(message.content) is list
        for part in message.content
        if part.type in _PARTS
    }
    if checked.tools:
        needs.add(Capability.TOOLS)
    if checked.response_format and _decode_format(fields["response_format"]).type == "json_schema":
        needs.add(Capability.JSON_SCHEMA)
    return frozenset(needs) if needs else _NOTHING
