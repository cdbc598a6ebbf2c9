"""Finds which keys a schema knows at some place, so that a typing mistake can be answered with the right word."""

import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag


def known_keys(schema: Any, location: Sequence[str | int]) -> list[str]:
    """The keys of the model at `location` below `schema` (pydantic's `loc`, union tags included), or [] if there's no model."""
    if get_origin(schema) is Annotated:
        return known_keys(get_args(schema)[0], location)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        if not location:
            return list(schema.model_fields)
        field = schema.model_fields.get(str(location[0]))
        return known_keys(field.annotation, location[1:]) if field else []
    if get_origin(schema) in (Union, types.UnionType):
        return _known_in_union(get_args(schema), location)
    if location and get_origin(schema) in (list, tuple, dict):
        item = get_args(schema)[1 if get_origin(schema) is dict else 0]
        return known_keys(item, location[1:])
    return []


def _known_in_union(members: Sequence[Any], location: Sequence[str | int]) -> list[str]:
    for member in members:
        tags = (
            [mark.tag for mark in get_args(member)[1:] if isinstance(mark, Tag)]
            if get_origin(member) is Annotated
            else []
        )
        if tags and location and location[0] in tags:
            return known_keys(member, location[1:])
    candidates = (known_keys(member, location) for member in members)
    return next((keys for keys in candidates if keys), [])
