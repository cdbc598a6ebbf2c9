"""
Reads which models a caller names to stand in for the one asked for, in the forms that LiteLLM's and OpenRouter's clients send.

    "fallbacks": ["b", {"model": "c"}]      LiteLLM; [] or false for none
    "disable_fallbacks": true               LiteLLM
    "models": ["a", "b", "c"]               OpenRouter; the first is the model itself where `model` is left out

Source: docs.litellm.ai/docs/proxy/client_side_fallbacks, openrouter.ai/docs/guides/routing/model-fallbacks, both read 2026-11.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from turnout.models.errors import BadRequest
from turnout.models.openai.schema import PublicName

FALLBACK_FIELDS = ("fallbacks", "models", "disable_fallbacks")
MOST = 16
"""Fallbacks of one request; a client's list costs a look-up each."""


class StandIn(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One fallback as an object. LiteLLM lets it change the request, too; that's refused, not ignored."""

    model: PublicName


class FallbackBody(msgspec.Struct, gc=False):
    """The fields of a body that are about fallbacks."""

    fallbacks: bool | Annotated[list[PublicName | StandIn], Meta(max_length=MOST)] | None = None
    models: Annotated[list[PublicName], Meta(max_length=MOST + 1)] | None = None
    disable_fallbacks: bool | None = None


_decode = msgspec.json.Decoder(FallbackBody).decode
_encode = msgspec.json.Encoder().encode


def find_first_model(fields: Mapping[str, msgspec.Raw]) -> str | None:
    """
    The model asked for where only `models` names any.

    Raises:
        msgspec.ValidationError: one of the fields isn't what it should be.
    """
    models = _read(fields).models
    return models[0] if models else None


def read_fallbacks(fields: Mapping[str, msgspec.Raw], model: str) -> tuple[str, ...] | None:
    """
    The caller's own fallbacks for `model`, each once and without `model` itself; () for none at all, None where the caller doesn't say.

    Raises:
        msgspec.ValidationError: one of the fields isn't what it should be.
        BadRequest: they contradict each other.
    """
    body = _read(fields)
    if body.disable_fallbacks or body.fallbacks is False:
        return ()
    if body.fallbacks is True:
        raise BadRequest("'fallbacks' is true; give a list of models, or false for none.", "fallbacks")
    if body.fallbacks is not None and body.models is not None:
        raise BadRequest("'fallbacks' and 'models' both name fallback models; give one of them.", "fallbacks")
    if body.fallbacks is not None:
        names = [each if isinstance(each, str) else each.model for each in body.fallbacks]
    elif body.models is not None:
        names = body.models
    else:
        return None
    return tuple(name for name in dict.fromkeys(names) if name != model)


def _read(fields: Mapping[str, msgspec.Raw]) -> FallbackBody:
    return _decode(_encode({name: fields[name] for name in FALLBACK_FIELDS if name in fields}))
