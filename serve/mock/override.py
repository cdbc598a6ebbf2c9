"""What one request asks of the mock for itself, by its header `x-mock`."""

from typing import get_args

import msgspec

from turnout.models.errors import BadRequest
from turnout.serve.mock.script import Fault, FaultKind, Latency, ModelScript

HEADER = b"x-mock"

_FAULTS = frozenset(get_args(FaultKind)) - {"status"}
_NUMBERS: dict[str, type[int] | type[float]] = {
    "status": int,
    "tokens": int,
    **{name: int if name == "after_tokens" else float for name in ("after_tokens", "stall_s", "retry_after_s")},
    **dict.fromkeys(Latency.model_fields, float),
}


class Override(msgspec.Struct, frozen=True):
    """
    `x-mock: status=429; retry_after_s=2`, `x-mock: reset; after_tokens=5`, `x-mock: ok; ttft_s=0.5; tokens=40`; keys are the script's own.

    Naming a fault, or `ok`, puts it in the place of the script's.

    Attributes:
        fault: what to show, or None to go by the script.
        is_ok: whether the script's faults are off.
        latency: fields of `Latency` that are given.
        tokens: length of the text, or None.
    """

    fault: Fault | None = None
    is_ok: bool = False
    latency: dict[str, float] = {}
    tokens: int | None = None

    def apply(self, script: ModelScript) -> ModelScript:
        """The script as this request wants it."""
        changes: dict[str, object] = {}
        if self.fault is not None or self.is_ok:
            changes["faults"] = (self.fault,) if self.fault else ()
        if self.latency:
            changes["latency"] = Latency(**{**script.latency.model_dump(), **self.latency})
        if self.tokens is not None:
            changes["text"] = script.text.model_copy(update={"tokens": self.tokens})
        return script.model_copy(update=changes) if changes else script


def parse_override(value: bytes) -> Override:
    """
    Read a header value.

    Raises:
        BadRequest: it names something that isn't there, or has a value that isn't a number or is out of bounds.
    """
    do: str | None = None
    numbers: dict[str, float] = {}
    for item in value.decode("latin-1").split(";"):
        key, _, number = (part.strip() for part in item.partition("="))
        if key in _NUMBERS:
            numbers[key] = _parse_number(key, number)
        elif key in _FAULTS | {"ok"} and not number:
            do = key
        else:
            raise BadRequest(f"x-mock knows no {item.strip()!r}", HEADER.decode())
    if "status" in numbers:
        do = "status"
    fault = {key: number for key, number in numbers.items() if key in Fault.model_fields}
    latency = {key: number for key, number in numbers.items() if key in Latency.model_fields}
    if do in {None, "ok"} and fault:
        raise BadRequest(f"x-mock gives {', '.join(fault)} without a fault", HEADER.decode())
    try:
        Latency.model_validate(latency)
        shown = None if do in {None, "ok"} else Fault.model_validate({"do": do, **fault})
    except ValueError as error:
        raise BadRequest(f"x-mock: {error}", HEADER.decode()) from error
    tokens = numbers.get("tokens")
    return Override(shown, do == "ok", latency, None if tokens is None else int(tokens))


def _parse_number(key: str, number: str) -> float:
    try:
        return _NUMBERS[key](number)
    except ValueError as error:
        raise BadRequest(f"{number!r} isn't a number that x-mock takes for {key!r}", HEADER.decode()) from error
