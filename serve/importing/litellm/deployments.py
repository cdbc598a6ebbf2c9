"""One entry of `model_list` after the other: which public name it serves, and the target that it becomes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from turnout.serve.config.dynamic import TargetSettings
from turnout.serve.config.part import Part
from turnout.serve.config.routing import CardSettings
from turnout.serve.importing.litellm.dialects import DIALECTS, split_model
from turnout.serve.importing.litellm.names import tidy_name
from turnout.serve.importing.litellm.providers import Providers
from turnout.serve.importing.litellm.references import find_variable
from turnout.serve.importing.litellm.source import Source, find_count, find_number, is_on
from turnout.serve.importing.notes import Notes

Op = Literal["chat", "completions", "embeddings"]

_ALL: frozenset[Op] = frozenset({"chat", "completions", "embeddings"})
_TEXT: frozenset[Op] = frozenset({"chat", "completions"})
_MODES: Mapping[str, frozenset[Op]] = {
    "chat": _TEXT,
    "responses": _TEXT,
    "completion": frozenset({"completions"}),
    "embedding": frozenset({"embeddings"}),
}
_EMBEDS = re.compile(r"embed|\bbge-|\be5-|\bgte-|minilm|voyage-", re.IGNORECASE)
_PRICES = {
    "input_cost_per_token": "input_cost_per_token",
    "output_cost_per_token": "output_cost_per_token",
    "cache_read_input_token_cost": "cache_read_cost_per_token",
}
"""LiteLLM's prices of a token, and ours."""
_PUSD = Decimal("1e-12")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DENIALS = {
    "supports_function_calling": "tools",
    "supports_response_schema": "json_schema",
    "supports_vision": "vision",
    "supports_audio_input": "audio",
}
"""What `model_info` may deny, and what we call it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    An entry that became a target.

    Attributes:
        part: the entry.
        model: its public name.
        operations: what it can be asked for.
        target: ours; its name is given when all are known.
        rpm, tpm: requests and tokens a minute that its provider lets through, or None.
        max_parallel: requests at once, or None.
        timeout_s, stream_timeout_s: of one call, or None.
        order: lower is asked first, or None.
    """

    part: Part
    model: str
    operations: frozenset[Op]
    target: TargetSettings
    rpm: int | None
    tpm: int | None
    max_parallel: int | None
    timeout_s: float | None
    stream_timeout_s: float | None
    order: int | None


class Deployments:
    """Reads entries; owns which target names are taken."""

    def __init__(self, source: Source, providers: Providers, notes: Notes) -> None:
        self._source = source
        self._providers = providers
        self._notes = notes
        self._names: set[str] = set()
        self._credentials = self._read_credentials()
        self._checks_context = is_on(source.take(source.root.at("router_settings"), "enable_pre_call_checks"))

    def __repr__(self) -> str:
        return f"Deployments({len(self._names)} targets)"

    def read(self, entry: Part) -> Deployment | None:
        """What the entry becomes; None, with a note, where it can't become anything."""
        take, source = self._source.take, self._source
        model = take(entry, "model_name")
        params, facts = take(entry, "litellm_params"), take(entry, "model_info")
        credential = self._find_credential(take(params, "litellm_credential_name"))

        def parameter(name: str) -> Part:
            part = source.take(params, name)
            return part if part.content is not None or credential is None else credential.at(name)

        name = self._read_name(model)
        upstream = parameter("model")
        if name is None or not upstream.text:
            if name is not None:
                self._notes.leave_out(entry, "the entry has no litellm_params.model")
            return None
        vendor, asked = split_model(upstream.text, parameter("custom_llm_provider").text)
        operations = self._find_operations(take(facts, "mode"), vendor, upstream.text)
        if operations is None or not self._fits(model, upstream, asked, vendor):
            return None
        provider = self._providers.find(vendor, parameter)
        if provider is None:
            return None
        prefix = DIALECTS[vendor].model_prefix if vendor in DIALECTS and "/" not in asked and asked != "*" else ""
        prices = {ours: self._read_price(take(params, key), take(facts, key)) for key, ours in _PRICES.items()}
        said = {
            "name": self._name_target(name, provider),
            "provider": provider,
            "model": f"{prefix}{asked}",
            **{key: price for key, price in prices.items() if price is not None},
            **self._read_weight(take(params, "weight")),
            **self._read_region(take(params, "region_name")),
            **self._read_card(facts),
        }
        return Deployment(
            entry,
            name,
            operations,
            TargetSettings.model_validate(said),
            rpm=self._count(take(params, "rpm"), take(entry, "rpm")),
            tpm=self._count(take(params, "tpm"), take(entry, "tpm")),
            max_parallel=self._count(take(params, "max_parallel_requests")),
            timeout_s=find_number(take(params, "timeout")),
            stream_timeout_s=find_number(take(params, "stream_timeout")),
            order=self._count(take(params, "order"), take(facts, "order")),
        )

    def _read_credentials(self) -> Mapping[str, Part]:
        named: dict[str, Part] = {}
        for each in self._source.take(self._source.root, "credential_list").parts():
            named[each.at("credential_name").text] = each.at("credential_values")
        return named

    def _find_credential(self, part: Part) -> Part | None:
        if not part.text:
            return None
        if part.text not in self._credentials:
            self._notes.leave_out(
                part, f"credential {part.text!r} isn't in credential_list", "it may be in the database"
            )
            return None
        return self._credentials[part.text]

    def _read_name(self, part: Part) -> str | None:
        if not part.text:
            self._notes.leave_out(part, "the entry has no model_name")
            return None
        name = tidy_name(part.text)
        if not name:
            hint = "it may have letters, digits, ._:/@+- and a `*` at its end"
            self._notes.leave_out(part, f"{part.text!r} can't be a public name", hint)
            return None
        if name != part.text:
            self._notes.change(part, f"{part.text!r} is called {name!r}", "names have letters, digits and ._:/@+-")
        return name

    def _find_operations(self, mode: Part, vendor: str, model: str) -> frozenset[Op] | None:
        if mode.text and mode.text not in _MODES:
            self._notes.leave_out(mode, f"there is no route for mode {mode.text!r}", "ask the provider itself for it")
            return None
        if mode.text:
            return _MODES[mode.text]
        if model.endswith("*"):
            return _ALL
        if vendor == "text-completion-openai":
            return _MODES["completion"]
        return _MODES["embedding"] if _EMBEDS.search(model) else _TEXT

    def _fits(self, model: Part, upstream: Part, asked: str, vendor: str) -> bool:
        """Whether a wildcard on the one side has something to stand for on the other."""
        if upstream.text == "*" or (asked == "*" and not vendor):
            hint = "write an entry for each provider: model_name openai/* with model openai/*, and so on"
            self._notes.leave_out(upstream, "the provider would be told by the caller's model name", hint)
            return False
        if "*" in asked and not model.text.endswith("*"):
            self._notes.leave_out(upstream, f"{upstream.text!r} has a `*`, and its model_name hasn't")
            return False
        return True

    def _read_price(self, *parts: Part) -> Decimal | None:
        part = next((each for each in parts if each.content is not None), None)
        if part is None:
            return None
        number = find_number(part)
        price = None if number is None else Decimal(str(number))
        if price is None or price < 0 or price % _PUSD:
            self._notes.leave_out(part, "it isn't a price in USD a token of at most 12 decimals", "write it by hand")
            return None
        return price

    def _read_weight(self, part: Part) -> Mapping[str, float]:
        weight = find_number(part)
        return {"weight": weight} if weight is not None and 0 <= weight <= 1e6 else {}

    def _read_region(self, part: Part) -> Mapping[str, str]:
        region = part.text.lower()
        if part.text and not _REGION.fullmatch(region):
            self._notes.leave_out(part, f"{part.text!r} isn't a region's name", "write region: by hand")
            return {}
        return {"region": region} if region else {}

    def _read_card(self, facts: Part) -> Mapping[str, CardSettings]:
        """Only what is denied: a list of all that a model can do would leave out what nobody thought of."""
        denied = {ours for theirs, ours in _DENIALS.items() if self._source.take(facts, theirs).content is False}
        limit = find_count(self._source.take(facts, "max_input_tokens")) if self._checks_context else None
        said: dict[str, object] = {"context_tokens": limit} if limit else {}
        if denied:
            said["capabilities"] = sorted(set(_DENIALS.values()) - denied)
        return {"card": CardSettings.model_validate(said)} if said else {}

    def _count(self, *parts: Part) -> int | None:
        part = next((each for each in parts if each.content is not None), None)
        if part is None:
            return None
        number = find_count(part)
        if number is None:
            what = "stands in a variable" if find_variable(part.text) else "isn't a whole number"
            self._notes.leave_out(part, f"it {what}, so it isn't known here", "write the number by hand")
        return number or None

    def _name_target(self, model: str, provider: str) -> str:
        word = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in model).strip("-._") or "any"
        name = word if provider in word else f"{word}-{provider}"
        first, number = name[:56].strip("-._"), 2
        name = first
        while name in self._names:
            name, number = f"{first}-{number}", number + 1
        self._names.add(name)
        return name
