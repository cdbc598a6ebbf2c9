"""Why an attempt went where it did and what came of it: numbers and names out of the config, nothing of what a caller wrote."""

import msgspec


class Prediction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    What a strategy expected of one endpoint when it chose.

    Attributes:
        new_tokens: of the prompt, to be prefilled there.
        wait_s: until what was sent there before is prefilled.
        prefill_s: for the prompt itself.
        batch: sequences there.
        token_s: from token to token.
    """

    new_tokens: int
    wait_s: float
    prefill_s: float
    batch: float
    token_s: float

    @property
    def first_s(self) -> float:
        """Seconds to the first token."""
        return self.wait_s + self.prefill_s


class Considered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    One endpoint that might have answered.

    Attributes:
        target, endpoint: which.
        excluded: the code of why it couldn't be chosen, or "".
        score: how good it looked, 0 to 1, or None where nothing was compared.
        in_flight: attempts of this router running there then; None where it was excluded, or where nothing was compared.
        price_nusd: what such a request costs there by the price table, with an answer of the usual length; None where that isn't known.
        prediction: what was expected of it, or None where the strategy predicts nothing, or thought it not worth it.
    """

    target: str
    endpoint: str
    excluded: str = ""
    score: float | None = None
    in_flight: int | None = None
    price_nusd: int | None = None
    prediction: Prediction | None = None


class Weighed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    One model that an `auto` might have chosen.

    Attributes:
        model: its public name.
        quality: the predicted chance of a good answer, 0 to 1.
        price_nusd: what such a request costs at its cheapest place, or None where that isn't known.
    """

    model: str
    quality: float
    price_nusd: int | None = None


class Happened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    What came of an attempt.

    Attributes:
        status: upstream HTTP status, 0 if none came.
        failure: as in the ledger: a `Failure` value, `client_left`, `hedge_lost`, or "".
        cause: why it counted as failed, as a `Cause` value, or "".
        first_token_us: microseconds to the first content of a stream that went to the client; None where there was none.
        total_us: microseconds in all.
        input_tokens, output_tokens, cache_read_tokens: see `Usage`.
        cost_nusd: nano-USD, or None where the price isn't known.
    """

    status: int
    failure: str
    cause: str
    first_token_us: int | None
    total_us: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nusd: int | None

    @property
    def is_whole(self) -> bool:
        """Whether it ended with a whole answer."""
        return not self.failure and not self.cause and 200 <= self.status < 300


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """
    One attempt; `(request_id, attempt)` is unique.

    Attributes:
        request_id: what the client got as `x-request-id`.
        attempt: 1 for the first.
        at_ns: wall clock when it was sent, nanoseconds since 1970 UTC.
        tenant: who pays.
        model: the public name asked for, as the config has it.
        answering: the model whose targets were considered: that one, or a fallback.
        strategy: of the answering model.
        reason: why this place, in a word; the strategy's name where it was compared with others.
        target, endpoint: where it went.
        prompt_tokens: estimate, from bytes.
        max_output_tokens: the caller's limit, or None.
        is_stream: whether the client asked for a stream.
        considered: every endpoint of the answering model, the chosen one among them.
        happened: what came of it, or None while it's under way.
        weight: how many like it this one stands for, where it's one of a sample.
        weighed: the models that were to choose from, where the one asked for is an `auto`.
    """

    request_id: str
    attempt: int
    at_ns: int
    tenant: str
    model: str
    answering: str
    strategy: str
    reason: str
    target: str
    endpoint: str
    prompt_tokens: int
    max_output_tokens: int | None
    is_stream: bool
    considered: tuple[Considered, ...]
    happened: Happened | None = None
    weight: float = 1.0
    weighed: tuple[Weighed, ...] = ()
