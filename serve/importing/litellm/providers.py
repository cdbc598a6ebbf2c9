"""The providers of the new file: one for each address and key that deployments of the config use."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from pydantic import ValidationError

from turnout.serve.config.dynamic import ProviderSettings
from turnout.serve.config.part import Part
from turnout.serve.config.secret import is_reference
from turnout.serve.importing.litellm.dialects import DIALECTS, OTHERS, Dialect
from turnout.serve.importing.litellm.references import References, find_variable
from turnout.serve.importing.notes import Notes

Take = Callable[[str], Part]
"""A deployment's parameter by its name, also where it comes from a credential."""

_ADDRESSES = ("api_base", "base_url")
_SECRET_WORDS = ("auth", "key", "token", "secret", "password", "cookie", "credential", "session")
_OF_ANYBODY = frozenset({"openai", "text-completion-openai", "custom_openai", "openai_like", "vllm"})
_OURS = frozenset({"content-type", "content-length", "host", "connection", "transfer-encoding", "accept-encoding"})


class Providers:
    """
    Owner of the providers that are needed so far; deployments with the same address, key and headers share one.

    Attributes:
        settings: by name.
    """

    def __init__(self, references: References, notes: Notes) -> None:
        self._references = references
        self._notes = notes
        self.settings: dict[str, ProviderSettings] = {}

    def __repr__(self) -> str:
        return f"Providers({', '.join(self.settings)})"

    def find(self, vendor: str, take: Take) -> str | None:
        """
        The name of the provider that a deployment calls, made if it's new; None, with a note, where there's none that Turnout can speak to.

        Args:
            vendor: LiteLLM's name of it, or "" where none was written or it isn't known.
            take: the deployment's parameters.
        """
        model = take("model")
        address = next((part for part in map(take, _ADDRESSES) if part.text), None)
        dialect = self._find_dialect(vendor, model, address)
        if dialect is None:
            return None
        base_url = dialect.base_url if address is None else self._read_address(address, dialect)
        if not base_url:
            if base_url is not None:
                self._notes.leave_out(model, "there's no api_base, so nobody knows where this model is", "add api_base")
            return None
        name = _name(vendor, base_url)
        said = {
            "base_url": base_url,
            "api_key": self._find_key(take("api_key"), dialect, name, is_elsewhere=address is not None),
            "headers": self._read_headers(take),
        }
        try:
            settings = ProviderSettings.model_validate({key: value for key, value in said.items() if value})
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            self._notes.leave_out(address or model, f"its provider can't be written: {reason}", "write it by hand")
            return None
        return self._keep(name, settings)

    def _find_dialect(self, vendor: str, model: Part, address: Part | None) -> Dialect | None:
        dialect = DIALECTS.get(vendor)
        if dialect is not None:
            return dialect
        if vendor in OTHERS:
            self._notes.leave_out(model, f"provider {vendor!r} doesn't speak OpenAI's dialect", OTHERS[vendor])
            return None
        if address is None:
            what = f"provider {vendor!r} isn't known" if vendor else f"{model.text!r} names no provider that is known"
            hint = "if it speaks OpenAI's dialect, write openai/MODEL and its api_base, and import again"
            self._notes.leave_out(model, what, hint)
            return None
        self._notes.change(
            model,
            f"{vendor or model.text.partition('/')[0]!r} isn't known; its server is taken for one of OpenAI's dialect",
        )
        return Dialect("")

    def _read_address(self, part: Part, dialect: Dialect) -> str | None:
        text = self._references.find_text(part)
        if text is None:
            return None
        base_url = text.rstrip("/").removesuffix("/chat/completions").removesuffix("/embeddings")
        if dialect.path and not base_url.endswith(dialect.path):
            base_url += dialect.path
        try:
            ProviderSettings(base_url=base_url)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            self._notes.leave_out(part, f"it can't be an address here: {reason}", "write the provider by hand")
            return None
        return base_url

    def _find_key(self, part: Part, dialect: Dialect, name: str, *, is_elsewhere: bool) -> str | None:
        if part.content is not None:
            own = dialect.key if dialect.key and not is_elsewhere else f"{name.upper().replace('-', '_')}_API_KEY"
            return self._references.name_secret(part, own if own[0].isalpha() else f"HOST_{own}")
        if dialect.key and is_elsewhere:
            self._notes.change(
                part,
                f"LiteLLM would send {dialect.key} to this address if it's set; the new file sends no key",
                f"write api_key: env:{dialect.key} under the provider if it's meant",
            )
            return None
        return f"env:{dialect.key}" if dialect.key else None

    def _read_headers(self, take: Take) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        organization = take("organization")
        if organization.content is not None:
            variable = find_variable(organization.text)
            headers["OpenAI-Organization"] = f"env:{variable}" if variable else str(organization.content)
        for group in map(take, ("extra_headers", "headers")):
            for part in group.parts():
                if part.key.lower() in _OURS:
                    self._notes.leave_out(part, f"header {part.key!r} is the connection's own")
                    continue
                value = self._read_header(part)
                if value is not None:
                    headers[part.key] = value
        return headers

    def _read_header(self, part: Part) -> str | None:
        variable = find_variable(part.text)
        if variable is not None:
            return f"env:{variable}"
        if is_reference(part.text) or any(word in part.key.lower() for word in _SECRET_WORDS):
            return self._references.name_secret(part, part.key.upper().replace("-", "_"))
        return str(part.content)

    def _keep(self, name: str, settings: ProviderSettings) -> str:
        number, candidate = 2, name
        while candidate in self.settings:
            if self.settings[candidate] == settings:
                return candidate
            candidate, number = f"{name}-{number}", number + 1
            if name.replace("-", "_") in DIALECTS:
                settings = settings.model_copy(update={"priced_as": name})
        self.settings[candidate] = settings
        return candidate


def _name(vendor: str, base_url: str) -> str:
    """The vendor's name; of a server of the user's own that's only known by its dialect, its host."""
    if vendor in DIALECTS and (vendor not in _OF_ANYBODY or DIALECTS[vendor].base_url == base_url):
        return vendor.removesuffix("_chat").replace("_", "-")
    host = urlsplit(base_url).hostname or vendor
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in host).strip("-")
    return name[:48] or "provider"
