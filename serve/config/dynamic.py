"""The Router's `user_config`: who may ask, what models there are, and what answers for them; swapped as a whole while requests run."""

import hashlib
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, PositiveInt, model_validator

from turnout.models.access import WILDCARD
from turnout.models.target import ContinueBy, Endpoint
from turnout.serve.config.cache import CacheSettings
from turnout.serve.config.choosing import AutoField, RulesSettings
from turnout.serve.config.decisions import DecisionSettings
from turnout.serve.config.fields import AppName, HourlyNusd, ModelPattern, PricePusd, Region, SecretRef, Settings
from turnout.serve.config.limits import LimitSettings
from turnout.serve.config.money import MoneySettings
from turnout.serve.config.oidc import OidcSettings
from turnout.serve.config.prices import PricesSettings
from turnout.serve.config.remote import BaseUrl, HeaderLines, ProxyUrl, RemoteSettings, authorize
from turnout.serve.config.resilience import (
    BreakerSettings,
    DegradeSettings,
    FallbackSettings,
    HedgingSettings,
    RetrySettings,
    TimeoutSettings,
)
from turnout.serve.config.routing import (
    BalancedSettings,
    CardSettings,
    ObjectiveSettings,
    PlaceSettings,
    StrategySettings,
)
from turnout.serve.config.secret import Secrets
from turnout.serve.config.spill import SpillSettings
from turnout.serve.config.tiers import TierSettings


class AuthSettings(Settings):
    """
    Who may ask.

    Attributes:
        keys: where the list of keys is. Its entries are separated by commas or lines: `KEY`, `ID=KEY` or `ID=blake2b:HEX`; `keys.py` has the rules.
        virtual_keys: those made with `turnout keys` work `beside` these; `only` says that there are none here and needn't be.
        tiers: of these keys, by their IDs; a key that isn't here is in none.
        tenants: of these keys, by their IDs: who pays, in reports, waiting lines and cache; `default` for a key that isn't here.
        open_on_loopback: let requests without a key in, as tenant `anonymous`; refused unless the router listens on loopback.
        oidc: issuers of tokens that may be sent instead of a key; `docs/security.md` says how.
    """

    keys: SecretRef | None = None
    virtual_keys: Literal["beside", "only"] = "beside"
    tiers: dict[str, AppName] = {}
    tenants: dict[str, AppName] = {}
    open_on_loopback: bool = False
    oidc: Annotated[tuple[OidcSettings, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _check_someone_may_ask(self) -> Self:
        is_only = self.virtual_keys == "only"
        if is_only and (self.keys is not None or self.open_on_loopback):
            raise ValueError("virtual_keys is only, but keys or open_on_loopback lets others in: take one of them out")
        if not (is_only or self.keys or self.open_on_loopback or self.oidc):
            raise ValueError(
                "nobody may ask: set keys (such as env:TURNOUT_KEYS), virtual_keys: only with keys of `turnout keys`, "
                "or open_on_loopback for a trial on one machine"
            )
        return self

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len({issuer.name for issuer in self.oidc}) < len(self.oidc):
            raise ValueError("two issuers have the same name, which stands before their users in ledger and audit log")
        return self


class ProviderSettings(Settings):
    """
    A remote provider.

    Attributes:
        kind: its dialect.
        placement: `router` calls it from the router process; `deployment` by way of the Serve application `app`, which has its credentials.
        app: that application.
        api_keys: instead of `api_key`, several of one account or of several: a key that's refused or over its limit rests while the others go on.
            For placement `router` only; with a deployment, give each key an application and each application a target.
        region: where it processes prompts; a request that must stay in a region goes there only if this says so.
        keeps_prompts: whether it may keep them, as providers do unless a contract says otherwise; `false` lets requests come that forbid it.
        priced_as: what price tables call it; its own name unless said.
        base_url, api_key, headers, proxy, ca_file: as in `RemoteSettings`; for placement `router` only.
    """

    kind: Literal["openai_compatible"] = "openai_compatible"
    placement: Literal["router", "deployment"] = "router"
    app: AppName | None = None
    base_url: BaseUrl | None = None
    api_key: SecretRef | None = None
    api_keys: Annotated[tuple[SecretRef, ...], Field(max_length=64)] = ()
    priced_as: str | None = None
    region: Region | None = None
    keeps_prompts: bool = True
    headers: HeaderLines = {}
    proxy: ProxyUrl | None = None
    ca_file: str | None = None

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.api_key is not None and self.api_keys:
            raise ValueError("a provider has either api_key or api_keys")
        if len(set(self.api_keys)) < len(self.api_keys):
            raise ValueError("api_keys names a key twice")
        return self

    @model_validator(mode="after")
    def _check_placement(self) -> Self:
        if self.placement == "deployment":
            if self.app is None:
                raise ValueError("placement: deployment needs app, the name of the provider's Serve application")
            if self.api_keys:
                raise ValueError("an application has one key: give each key its own, with a target each")
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

    def to_endpoints(self, secrets: Secrets) -> tuple[Endpoint, ...]:
        """
        One endpoint for each key, all over the same connections; () for placement `deployment`.

        Raises:
            ConfigError: a secret or the authorities' file can't be read.
        """
        if self.placement == "deployment":
            return ()
        remote = RemoteSettings.model_validate(self.model_dump(include=set(RemoteSettings.model_fields)))
        endpoint = remote.to_endpoint(secrets)
        keyed = (
            authorize(endpoint, secrets.read_line(reference), f"{endpoint.id}#{number}")
            for number, reference in enumerate(self.api_keys, 1)
        )
        return tuple(keyed) or (endpoint,)


class TargetSettings(Settings):
    """
    One place that can answer for a model: a pool of this cluster, or a provider's model.

    Attributes:
        name: stands in metrics, the ledger and `/admin/targets`.
        pool: a Serve application of engines or embedders.
        provider: a name under `providers`.
        model: what the upstream calls the model; for a pool its application's name unless said. A `*` at its end is what stands for the one in
            the public name.
        weight: its share where a strategy uses weights; 0 takes it out of rotation.
        input_cost_per_token, output_cost_per_token: in USD; unless said, those of `prices`, or unknown, which isn't the same as 0.
        cache_read_cost_per_token: in USD, for a prompt token that the provider had cached; as much as another unless said.
        max_output_tokens: sent as the limit of requests that name none and count against a hard budget: without one, nothing bounds their cost.
        breaker: when it's given a rest; `null` for never.
        continues_by: how it takes over an answer that broke off elsewhere: `prefill`: it goes on from a last message of the assistant; `instruction`:
            it's asked in words to go on; `never`. Replicas of one pool pass tokens to each other in any case; a pool takes over from other targets
            unless this is `never`.
        gpu_hour_usd: what an hour of one GPU costs, for a pool: reports spread it over the requests by their tokens, and show idle time apart.
        gpus: of one replica.
        region: where it processes prompts; its provider's unless said.
        card: what its model is good for.
    """

    name: AppName
    pool: AppName | None = None
    provider: AppName | None = None
    model: ModelPattern | None = None
    weight: Annotated[float, Field(ge=0, le=1_000_000)] = 1.0
    input_cost_per_token: PricePusd | None = None
    output_cost_per_token: PricePusd | None = None
    cache_read_cost_per_token: PricePusd | None = None
    max_output_tokens: PositiveInt = 4096
    breaker: BreakerSettings | None = BreakerSettings()
    continues_by: ContinueBy = ContinueBy.INSTRUCTION
    gpu_hour_usd: HourlyNusd | None = None
    gpus: Annotated[int, Field(ge=1, le=1024)] = 1
    region: Region | None = None
    card: CardSettings = CardSettings()

    @model_validator(mode="after")
    def _check_one_place(self) -> Self:
        if (self.pool is None) == (self.provider is None):
            raise ValueError("a target has either pool or provider")
        if self.provider is not None and self.model is None:
            raise ValueError(f"model is missing: what {self.provider!r} calls it")
        if self.provider is not None and self.gpu_hour_usd is not None:
            raise ValueError(
                "gpu_hour_usd is for pools; a provider's tokens have input_cost_per_token and output_cost_per_token"
            )
        return self

    @model_validator(mode="after")
    def _check_cache_price(self) -> Self:
        """A budget holds what a request costs without a cache, so that it can't cost more with one."""
        cached, plain = self.cache_read_cost_per_token, self.input_cost_per_token
        if cached is not None and (plain is None or cached > plain):
            raise ValueError("cache_read_cost_per_token needs an input_cost_per_token that is as much or more")
        return self


class ModelSettings(Settings):
    """
    One public model name.

    Attributes:
        name: what clients put into `model`; one that ends in `*` stands for all that begin so, where no other name fits better.
        operations: the routes that serve it.
        targets: what answers for it; requests are spread over them. Only a model with `auto` has none.
        rules: for whom another model answers; the first that fits counts, and where none does, `auto` or the targets.
        auto: other models, of which each request gets the one that fits it. Its targets are theirs.
        strategy: how they're spread; one name, or several with weights, such as `{cost: 2, latency: 1}`. docs/routing.md has what each does.
        objective: how soon its answers should come.
        balanced: what that strategy takes things to be worth.
        spill: remote targets in reserve, for when the others would be too slow or aren't there; off unless said (`{}` for all remote ones).
        timeouts: for its requests.
        retries: how often a request is tried again.
        fallbacks: which other models answer when this one can't.
        degrade: what a caller gets when nothing can answer.
        hedging: a second attempt when the first is slow; off unless said (`{}` for its defaults).
        continues: whether a stream that breaks in the middle is continued elsewhere.
        max_in_flight: requests at its targets at once, from one router replica.
        max_waiting: requests in line behind those; more are refused with 503.
        limits: of all its requests, whoever asks.
        cache: answers kept to be given again; as for all models unless said.
    """

    name: ModelPattern
    operations: Annotated[frozenset[Literal["chat", "completions", "embeddings"]], Field(min_length=1)] = frozenset(
        {"chat", "completions"}
    )
    targets: tuple[TargetSettings, ...] = ()
    rules: RulesSettings = ()
    auto: AutoField = None
    strategy: StrategySettings = "balanced"
    objective: ObjectiveSettings = ObjectiveSettings()
    balanced: BalancedSettings = BalancedSettings()
    spill: SpillSettings | None = None
    timeouts: TimeoutSettings = TimeoutSettings()
    retries: RetrySettings = RetrySettings()
    fallbacks: FallbackSettings = FallbackSettings()
    degrade: DegradeSettings = DegradeSettings()
    hedging: HedgingSettings | None = None
    continues: bool = True
    max_in_flight: PositiveInt = 1024
    max_waiting: Annotated[int, Field(ge=0)] = 1024
    limits: LimitSettings = LimitSettings()
    cache: CacheSettings | None = None

    @model_validator(mode="after")
    def _check_someone_answers(self) -> Self:
        if not self.targets and self.auto is None:
            raise ValueError("targets is missing: what answers for it, such as [{name: here, pool: llama}]")
        if self.targets and self.auto is not None:
            raise ValueError("a model with auto has no targets: it's answered by those of the models that auto names")
        return self

    @model_validator(mode="after")
    def _check_reserve(self) -> Self:
        if self.spill is None:
            return self
        if self.strategy != "balanced":
            raise ValueError("spill goes by predictions, which only strategy balanced makes: add strategy: balanced")
        remote = {target.name for target in self.targets if target.provider is not None}
        unknown = sorted(self.spill.to - remote)
        if unknown:
            raise ValueError(f"spill.to names {', '.join(unknown)}, which {self.name!r} has no remote target for")
        if not remote or len(self.spill.to or remote) == len(self.targets):
            raise ValueError("spill needs a remote target in reserve, and another that answers as long as it can")
        return self

    @model_validator(mode="after")
    def _check_wildcards(self) -> Self:
        if not self.name.endswith(WILDCARD):
            for target in self.targets:
                if target.model is not None and target.model.endswith(WILDCARD):
                    raise ValueError(
                        f"target {target.name!r} has {target.model!r}, and nothing in {self.name!r} could stand for its `*`"
                    )
        return self


class DynamicConfig(Settings):
    """
    What can change while requests run.

    Attributes:
        auth: who may ask.
        providers: remote providers, by name.
        models: public names.
        tiers: what holds for the keys that name one, by the tier's name.
        limits: of all requests to all models, whoever asks.
        money: how strict to be with hard budgets.
        prices: a table with the prices of targets that say none.
        cache: answers kept to be given again, of models that don't say otherwise.
        decisions: which decisions of routing are written down.
        region: where this gateway is: strategy `region` prefers what is near it, unless a caller says where it is itself (`x-turnout-region`).
        regions: where regions lie, for distances between them.
    """

    auth: AuthSettings
    providers: dict[AppName, ProviderSettings] = {}
    models: Annotated[tuple[ModelSettings, ...], Field(min_length=1)]
    tiers: dict[AppName, TierSettings] = {}
    limits: LimitSettings = LimitSettings()
    money: MoneySettings = MoneySettings()
    prices: PricesSettings | None = None
    cache: CacheSettings = CacheSettings()
    decisions: DecisionSettings = DecisionSettings()
    region: Region | None = None
    regions: dict[Region, PlaceSettings] = {}

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
            for target in model["targets"]:
                target["card"]["tasks"].sort()
                if target["card"]["capabilities"] is not None:
                    target["card"]["capabilities"].sort()
        return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()[:12]
