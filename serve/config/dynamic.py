"""The Router's `user_config`: who may ask, what models there are, and what answers for them; swapped as a whole while requests run."""

import hashlib
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, PositiveInt, model_validator

from turnout.serve.config.fields import AppName, ModelName, PricePusd, Seconds, SecretRef, Settings
from turnout.serve.config.remote import BaseUrl, HeaderLines, ProxyUrl, RemoteSettings


class AuthSettings(Settings):
    """
    Who may ask.

    Attributes:
        keys: where the list of keys is. Its entries are separated by commas or lines: `KEY`, `ID=KEY` or `ID=blake2b:HEX`; `keys.py` has the rules.
        open_on_loopback: let requests without a key in, as tenant `anonymous`; refused unless the router listens on loopback.
    """

    keys: SecretRef | None = None
    open_on_loopback: bool = False

    @model_validator(mode="after")
    def _check_someone_may_ask(self) -> Self:
        if self.keys is None and not self.open_on_loopback:
            raise ValueError(
                "nobody may ask: set keys (such as env:TURNOUT_KEYS), or open_on_loopback for a trial on one machine"
            )
        return self


class ProviderSettings(Settings):
    """
    A remote provider.

    Attributes:
        kind: its dialect.
        placement: `router` calls it from the router process; `deployment` by way of the Serve application `app`, which has its credentials.
        app: that application.
        base_url, api_key, headers, proxy, ca_file: as in `RemoteSettings`; for placement `router` only.
    """

    kind: Literal["openai_compatible"] = "openai_compatible"
    placement: Literal["router", "deployment"] = "router"
    app: AppName | None = None
    base_url: BaseUrl | None = None
    api_key: SecretRef | None = None
    headers: HeaderLines = {}
    proxy: ProxyUrl | None = None
    ca_file: str | None = None

    @model_validator(mode="after")
    def _check_placement(self) -> Self:
        if self.placement == "deployment":
            if self.app is None:
                raise ValueError("placement: deployment needs app, the name of the provider's Serve application")
            misplaced = sorted(name for name in RemoteSettings.model_fields if getattr(self, name))
            if misplaced:
                raise ValueError(
                    f"with placement: deployment, {', '.join(misplaced)} belong in the args of application {self.app!r}"
                )
        elif self.app is not None:
            raise ValueError("app goes with placement: deployment only")
        elif self.base_url is None:
            raise ValueError("base_url is missing, such as https://api.openai.com/v1")
        return self

    def to_remote(self) -> RemoteSettings | None:
        """Address and credentials, or None for placement `deployment`."""
        if self.placement == "deployment":
            return None
        return RemoteSettings.model_validate(self.model_dump(include=set(RemoteSettings.model_fields)))


class TargetSettings(Settings):
    """
    One place that can answer for a model: a pool of this cluster, or a provider's model.

    Attributes:
        name: stands in metrics, the ledger and `/admin/targets`.
        pool: a Serve application of engines or embedders.
        provider: a name under `providers`.
        model: what the upstream calls the model; for a pool its application's name unless said.
        weight: its share where a strategy uses weights; 0 takes it out of rotation.
        input_cost_per_token, output_cost_per_token: in USD; unknown unless said, which isn't the same as 0.
    """

    name: AppName
    pool: AppName | None = None
    provider: AppName | None = None
    model: ModelName | None = None
    weight: Annotated[float, Field(ge=0, le=1_000_000)] = 1.0
    input_cost_per_token: PricePusd | None = None
    output_cost_per_token: PricePusd | None = None

    @model_validator(mode="after")
    def _check_one_place(self) -> Self:
        if (self.pool is None) == (self.provider is None):
            raise ValueError("a target has either pool or provider")
        if self.provider is not None and self.model is None:
            raise ValueError(f"model is missing: what {self.provider!r} calls it")
        return self


class TimeoutSettings(Settings):
    """
    How long the parts of a request may take.

    Attributes:
        connect_s: opening a connection to the target.
        first_token_s: until the answer begins.
        gap_s: between two pieces of a stream.
        total_s: everything.
    """

    connect_s: Seconds = 2.0
    first_token_s: Seconds = 60.0
    gap_s: Seconds = 20.0
    total_s: Seconds = 600.0


class ModelSettings(Settings):
    """
    One public model name.

    Attributes:
        name: what clients put into `model`.
        operations: the routes that serve it.
        targets: what answers for it; requests are spread over them.
        timeouts: for its requests.
        max_in_flight: requests at its targets at once, from one router replica.
        max_waiting: requests in line behind those; more are refused with 503.
    """

    name: ModelName
    operations: Annotated[frozenset[Literal["chat", "completions", "embeddings"]], Field(min_length=1)] = frozenset(
        {"chat", "completions"}
    )
    targets: Annotated[tuple[TargetSettings, ...], Field(min_length=1)]
    timeouts: TimeoutSettings = TimeoutSettings()
    max_in_flight: PositiveInt = 1024
    max_waiting: Annotated[int, Field(ge=0)] = 1024


class DynamicConfig(Settings):
    """
    What can change while requests run.

    Attributes:
        auth: who may ask.
        providers: remote providers, by name.
        models: public names.
    """

    auth: AuthSettings
    providers: dict[AppName, ProviderSettings] = {}
    models: Annotated[tuple[ModelSettings, ...], Field(min_length=1)]

    @property
    def pools(self) -> frozenset[str]:
        """Names of the Serve applications that targets stand for."""
        apps = {provider.app for provider in self.providers.values() if provider.app}
        return frozenset(apps | {target.pool for model in self.models for target in model.targets if target.pool})

    def fingerprint(self) -> str:
        """12 hex digits that are the same for the same settings, whatever their order in the file."""
        document = self.model_dump(mode="json")
        for model in document["models"]:
            model["operations"].sort()  # a set has no order of its own
        return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()[:12]
