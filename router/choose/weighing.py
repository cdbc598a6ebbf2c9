"""`auto` at work: predicts how good each model's answer would be, and takes the one that's worth its price."""

import logging
import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.models.decision import Weighed
from turnout.models.errors import BadRequest
from turnout.models.target import ModelCard
from turnout.router.catalogue import Catalogue
from turnout.router.choose.asked import Asked
from turnout.router.choose.choice import Choice
from turnout.router.choose.offers import Offer, Offers
from turnout.router.choose.terms import Auto
from turnout.router.embedding import Embeddings
from turnout.router.quality import lexical
from turnout.router.quality.choose import choose_by_utility, choose_cheapest
from turnout.router.quality.predictor import QualityPredictor
from turnout.router.quality.prior import TASK_BONUS, Prior

WEAKEST, STRONGEST = 0.7, 0.95
"""Qualities of models without a card, the first and the last of the list; the others lie between them."""

PUSD_IN_USD = 10**12

MIN_QUALITY = b"x-turnout-min-quality"
"""What a caller asks for in the header, and as `min_quality` in the body."""

_NULL = msgspec.Raw(b"null")
_decode_number = msgspec.json.Decoder(float).decode
_log = logging.getLogger("turnout.choose")


class Weighing:
    """The `auto` of one model."""

    def __init__(self, auto: Auto, catalogue: Catalogue, offers: Offers, embeddings: Embeddings) -> None:
        """
        Args:
            auto: its terms.
            catalogue: has the cards.
            offers: says who can answer, and for how much.
            embeddings: asked where the terms name an embedder.
        """
        self._auto = auto
        self._offers = offers
        self._embeddings = embeddings
        self._cards = _rank({name: _find_card(catalogue, name) for name in auto.models})
        self._prior = Prior.of(auto.models, self._cards)
        self._has_told = False

    async def choose(self, asked: Asked) -> Choice | None:
        """
        See `Chooses`.

        Raises:
            BadRequest: the caller asks for a quality that is none.
        """
        least = _read_quality(asked)
        offers = self._offers.find(self._auto.models, asked.call)
        reason = "auto"
        if len(offers) == 1:
            return Choice(offers[0].model, reason)
        question = asked.question
        vector = await self._embed(question)
        if vector is None and self._auto.embedder:
            reason = "auto_lexical"
        known = self._predict(question, vector, asked.call.features.task)
        qualities = [known[offer.model] for offer in offers]
        at = self._pick(offers, qualities, self._auto.min_quality if least is None else least)
        others = sorted(range(len(offers)), key=lambda other: -qualities[other])
        return Choice(
            offers[at].model,
            reason,
            tuple(offers[other].model for other in others if other != at),
            tuple(map(_note, offers, qualities)),
        )

    async def _embed(self, question: str) -> NDArray[np.float32] | None:
        auto = self._auto
        if auto.predictor is None or not auto.embedder:
            return None
        found = await self._embeddings.find(auto.embedder, question, auto.embed_within_s)
        if found is None or _fits(auto.predictor, found.embedder, found.vector):
            return None if found is None else found.vector
        if not self._has_told:
            self._has_told = True
            _log.error(
                "predictor and embedder don't fit: fit it anew with this embedder; until then lexical signals decide",
                extra={"embedder": found.embedder, "fitted_with": auto.predictor.embedder, "model": auto.embedder},
            )
        return None

    def _predict(self, question: str, vector: NDArray[np.float32] | None, task: str) -> Mapping[str, float]:
        """The chance of a good answer, by model."""
        signals = lexical.read(question)
        predictor = self._auto.predictor
        if predictor is not None:
            return dict(zip(predictor.models, predictor.predict(signals, vector).tolist(), strict=True))
        chances = dict(zip(self._auto.models, self._prior.predict(signals[None])[0].tolist(), strict=True))
        return {
            model: _favour(chance) if task and task in self._cards[model].tasks else chance
            for model, chance in chances.items()
        }

    def _pick(self, offers: Sequence[Offer], qualities: Sequence[float], least: float | None) -> int:
        prices = [None if offer.price_pusd is None else offer.price_pusd / PUSD_IN_USD for offer in offers]
        worth = self._auto.good_answer_usd
        if least is None and worth is not None:
            return choose_by_utility(qualities, [math.inf if price is None else price for price in prices], worth)
        known = [price for price in prices if price is not None]
        # The weaker is taken to be the cheaper where not all have a price: one that isn't known is neither 0 nor more than any other.
        costs = known if len(known) == len(prices) else [float(at) for at in range(len(prices))]
        return choose_cheapest(qualities, costs, 0.0 if least is None else least)


def _note(offer: Offer, quality: float) -> Weighed:
    price_nusd = None if offer.price_pusd is None else (offer.price_pusd + 500) // 1000
    return Weighed(offer.model, round(quality, 4), price_nusd)


def _favour(chance: float) -> float:
    """The chance of a model that is made for what the caller says it's for."""
    odds = chance / (1 - chance) * math.exp(TASK_BONUS)
    return odds / (1 + odds)


def _fits(predictor: QualityPredictor, embedder: str, vector: NDArray[np.float32]) -> bool:
    return predictor.embedder == embedder and len(vector) == predictor.dimensions


def _read_quality(asked: Asked) -> float | None:
    """What the caller asks for: the header's, or else the body's."""
    sent: bytes | msgspec.Raw | None = asked.headers.get(MIN_QUALITY)
    name = MIN_QUALITY.decode()
    if sent is None:
        name = "min_quality"
        sent = asked.call.request.fields.get(name, _NULL)
    try:
        quality = 0.0 if sent == _NULL else _decode_number(sent)
    except msgspec.DecodeError:
        quality = math.nan
    if not 0 <= quality <= 1:
        raise BadRequest(f"{name} isn't a number from 0 to 1, such as 0.8.", name)
    return None if sent == _NULL else quality


def _find_card(catalogue: Catalogue, model: str) -> ModelCard:
    """What is said of a model's targets: the best quality, and every task."""
    route = catalogue.find(model)
    cards = [] if route is None else [target.card for target in route.targets]
    qualities = [card.quality for card in cards if card.quality is not None]
    tasks = frozenset(task for card in cards for task in card.tasks)
    return ModelCard(quality=max(qualities, default=None), tasks=tasks)


def _rank(cards: Mapping[str, ModelCard]) -> Mapping[str, ModelCard]:
    """`cards` with a quality for each, by its place in the list where nobody has said one."""
    steps = np.linspace(WEAKEST, STRONGEST, len(cards)).tolist()
    return {
        model: ModelCard(quality=step if card.quality is None else card.quality, tasks=card.tasks)
        for (model, card), step in zip(cards.items(), steps, strict=True)
    }
