"""The small types that cluster files are written with: names, secrets by reference, prices, settings that refuse unknown keys."""

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

PUSD_IN_USD = 10**12
"""Prices are integers of pico-USD a token, because published ones have fractions of a nano-USD: 0.0375 USD a million tokens is 37.5 nano-USD each."""

NUSD_IN_USD = 10**9

_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)S?$", re.IGNORECASE)


class Settings(BaseModel):
    """A part of the cluster file: frozen, and a key that it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def _check_secret(reference: str) -> str:
    if not _SECRET.fullmatch(reference):  # the text isn't repeated: it may be the secret itself
        raise ValueError("a secret is written as env:NAME or file:PATH, never as itself")
    return reference


def _check_environment(variables: dict[str, str]) -> dict[str, str]:
    secret = sorted(name for name in variables if _SECRET_NAME.search(name))
    if secret:
        raise ValueError(
            f"{', '.join(secret)} would be stored in Ray's cluster state for everyone to read; set it in the environment of the node instead"
        )
    return variables


def _to_pusd(price: object) -> object:
    if price is None or isinstance(price, bool):
        return price
    try:
        amount = Decimal(str(price)) * PUSD_IN_USD
    except InvalidOperation:
        raise ValueError("a price is a number of USD a token, such as 1.5e-7 or '0.00000015'") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError("a price is a finite number of USD a token and not negative")
    if amount != amount.to_integral_value():
        raise ValueError(
            "a price is a whole number of pico-USD a token, so at most 12 decimals of a USD (6 decimals for a million tokens)"
        )
    return int(amount)


def _to_nusd(price: object) -> object:
    if price is None or isinstance(price, bool):
        return price
    try:
        amount = Decimal(str(price)) * NUSD_IN_USD
    except InvalidOperation:
        raise ValueError("it's a number of USD an hour, such as 2.5") from None
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise ValueError("it's a finite number of USD an hour, not negative, with at most 9 decimals")
    return int(amount)


def _nusd_to_usd(amount_nusd: int) -> str:
    return f"{Decimal(amount_nusd) / NUSD_IN_USD:f}"


def _to_usd(price_pusd: int) -> str:
    """What `_to_pusd` reads back: settings are also kept as JSON."""
    return f"{Decimal(price_pusd) / PUSD_IN_USD:f}"


def expand_home(path: str | Path) -> Path:
    """The path with `~` and `~user` replaced; raises ValueError for a user that isn't there."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{str(path)!r} begins with the home of a user who isn't on this machine") from error


AppName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""A Serve application, provider or target: it stands in URLs and metric labels."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$")]
"""What clients put into `model`."""

ModelPattern = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}|([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,126})?\*)$")
]
"""The same, or with a `*` at its end, which stands for any rest."""

Region = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""Where prompts are processed, such as `eu` or `us-east-1`: one word for it in targets, keys and tiers."""

SecretRef = Annotated[str, AfterValidator(_check_secret)]
"""`env:NAME` or `file:PATH`, read in the process that needs it."""

Variables = Annotated[dict[str, str], AfterValidator(_check_environment)]
"""Environment variables of a process. Ray keeps them readable for the whole cluster, so secrets are refused."""

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]

PricePusd = Annotated[int, BeforeValidator(_to_pusd), Field(ge=0, strict=True), PlainSerializer(_to_usd)]
"""Written as USD a token, exactly; kept as an integer of pico-USD a token."""

HourlyNusd = Annotated[
    int,
    BeforeValidator(_to_nusd, json_schema_input_type=Annotated[float, Field(ge=0)]),
    Field(ge=0, strict=True),
    PlainSerializer(_nusd_to_usd),
]
"""Written as USD an hour, exactly; kept as an integer of nano-USD an hour."""
