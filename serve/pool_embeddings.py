"""The gateway's own embeddings, made by the pools that clients' embeddings come from."""

import base64
import logging

import msgspec
import numpy as np

from turnout.models.errors import TurnoutError
from turnout.models.http.collect import Answer, call
from turnout.models.upstream import Upstream, UpstreamRequest
from turnout.router.embedding import Embedded
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.serve.embeddings import FINGERPRINT

TIMEOUT_S = 2.0
"""For a call, whether or not anybody still waits for it."""

_log = logging.getLogger("turnout.embedding")


class _Item(msgspec.Struct):
    embedding: str


class _Vectors(msgspec.Struct):
    data: list[_Item]


_decode = msgspec.json.Decoder(_Vectors).decode


class PoolEmbeddings:
    """An `EmbedText`: one short call to the least busy replica of the model's pools; targets outside this cluster are never asked."""

    def __init__(self, fleet: Fleet, upstream: Upstream) -> None:
        self._fleet = fleet
        self._upstream = upstream

    async def embed(self, model: str, text: str) -> Embedded | None:
        """See `EmbedText`."""
        replicas = [each for each in self._fleet.candidates(model) if each.target.is_local]
        if not replicas:
            return None
        replica = min(replicas, key=lambda each: (each.ejected_until, each.in_flight))
        with replica:
            try:
                answer = await call(self._upstream, replica.endpoint, _write(replica, text), TIMEOUT_S)
                return _read(answer)
            except (TurnoutError, ValueError) as error:
                _log.debug("no embedding", extra={"model": model, "reason": str(error)})
                return None


def _write(replica: Candidate, text: str) -> UpstreamRequest:
    body = {
        "model": replica.target.model,
        "input": text,
        "encoding_format": "base64",
        "truncate_prompt_tokens": -1,  # what is too long for the model is cut, as it is when a predictor is fitted
    }
    return UpstreamRequest("/embeddings", msgspec.json.encode(body), is_stream=False)


def _read(answer: Answer) -> Embedded:
    """Raises ValueError for what is no embedding."""
    if answer.status != 200:
        raise ValueError(f"status {answer.status}")
    (item,) = _decode(answer.body).data
    vector = np.frombuffer(base64.b64decode(item.embedding), dtype="<f4").astype(np.float32)
    return Embedded(vector, dict(answer.headers).get(FINGERPRINT, b"").decode("latin-1"))
