"""Makes the router's catalogue from the dynamic settings, the overlay, and the secrets of this process."""

from collections.abc import Mapping
from dataclasses import replace

from msgspec import structs

from turnout.models.access import WILDCARD, Principal
from turnout.models.catalog.rates import Quotes, Rates
from turnout.models.target import Endpoint, Target
from turnout.router.catalogue import Catalogue, ModelRoute, Routing
from turnout.router.tiers import Tier, Tiers, apply_tier
from turnout.serve.config.choice_soundness import list_faults
from turnout.serve.config.choosing import to_choices
from turnout.serve.config.dynamic import DynamicConfig, ModelSettings, TargetSettings
from turnout.serve.config.keys import parse_keys
from turnout.serve.config.loopback import is_loopback
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.routing import to_routing
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.config.soundness import why_no_fallback

POOL_DIALECT = "openai_compatible"
"""Engines and embedders of this cluster speak OpenAI's dialect."""

LOCAL_VENDOR = "local"
"""What callers call the pools of this cluster in `provider{order, only, ignore}`."""


def compile_catalogue(
    config: DynamicConfig, overlay: Overlay, version: str, bind_host: str, secrets: Secrets, created_at_s: int = 0
) -> Catalogue:
    """
    The snapshot that requests are served by.

    Makes new TLS contexts, and connections are pooled by context: when only the overlay changed, `apply_overlay` on a catalogue that was compiled
    with the empty overlay keeps the connections and reads no secrets.

    Args:
        config: the cluster file's dynamic part.
        overlay: admin changes; they win.
        version: what the catalogue is called in status and acknowledgements; `version_of` makes one.
        bind_host: the router's address. Requests without a key are let in on loopback only.
        secrets: of the process that will send them.
        created_at_s: unix time, for `/v1/models`.

    Raises:
        ConfigError: a secret is missing, keys are malformed or in a tier that isn't there, a fallback or a choice can't be carried out, or the route
            would be open to others than this machine.
    """
    if config.auth.open_on_loopback and not is_loopback(bind_host):
        raise ConfigError(
            f"open_on_loopback would let everyone in: the router listens on {bind_host!r}, not on loopback"
        )
    _check_fallbacks(config)
    for message, _ in list_faults(config):
        raise ConfigError(message)
    targets = _compile_targets(config)
    tiers = {name: tier.to_tier(name) for name, tier in config.tiers.items()}
    catalogue = Catalogue(
        version=version,
        models={model.name: _compile_model(model, targets, config, created_at_s) for model in config.models},
        fixed_endpoints=_compile_endpoints(config, secrets),
        keys=_compile_keys(config, tiers, secrets),
        tiers=Tiers(tiers),
        is_open=config.auth.open_on_loopback,
        money=config.money.to_policy(),
    )
    return apply_overlay(catalogue, overlay, version)


def compile_models(config: DynamicConfig) -> dict[str, ModelRoute]:
    """
    The models alone, for who asks how requests would be spread: without endpoints, keys, or any secret.

    Raises:
        ConfigError: a provider isn't there, or a target has two meanings.
    """
    targets = _compile_targets(config)
    return {model.name: _compile_model(model, targets, config, 0) for model in config.models}


def apply_overlay(base: Catalogue, overlay: Overlay, version: str) -> Catalogue:
    """
    `base`, which was compiled with the empty overlay, with an administrator's changes on top.

    Targets of the overlay that `base` doesn't have are ignored; the changes come back with the target.
    """
    names = {target.name for model in base.models.values() for target in model.targets}
    models = {name: _weigh(model, overlay) for name, model in base.models.items()}
    return replace(base, version=version, models=models, drained=frozenset(overlay.drained & names))


def apply_quotes(base: Catalogue, quotes: Quotes) -> Catalogue:
    """`base` with the prices of a table for targets that have none of their own."""
    if not quotes.rates:
        return base
    models = {
        name: replace(model, targets=tuple(_price(target, quotes.rates.get(target.name)) for target in model.targets))
        for name, model in base.models.items()
    }
    return replace(base, models=models)


def _price(target: Target, rates: Mapping[str, Rates] | None) -> Target:
    if rates is None or target.input_price_pusd is not None:
        return target
    if target.model.endswith(WILDCARD):
        return replace(target, rates=rates)
    known = rates.get(target.model)
    if known is None:
        return target
    return replace(
        target,
        input_price_pusd=known.input_pusd,
        output_price_pusd=known.output_pusd,
        cache_read_price_pusd=known.cache_read_pusd,
    )


def _weigh(model: ModelRoute, overlay: Overlay) -> ModelRoute:
    if not any(target.name in overlay.weights for target in model.targets):
        return model
    targets = (replace(target, weight=overlay.weights.get(target.name, target.weight)) for target in model.targets)
    return replace(model, targets=tuple(targets))


def version_of(fingerprint: str, overlay: Overlay) -> str:
    """`<fingerprint of the settings>+<overlay version>`."""
    return f"{fingerprint}+{overlay.version}"


def _compile_keys(config: DynamicConfig, tiers: dict[str, Tier], secrets: Secrets) -> dict[bytes, Principal]:
    """The file's own keys, each of its tenant and as its tier has it. A name that fits nothing is refused: without its tier, a key may do more."""
    keys = parse_keys(secrets.read(config.auth.keys)) if config.auth.keys else {}
    named, tenants = config.auth.tiers, config.auth.tenants
    known = {principal.key_id for principal in keys.values()}
    for field, by_key in (("tiers", named), ("tenants", tenants)):
        for key_id in sorted(by_key.keys() - known):
            raise ConfigError(f"auth.{field} names key {key_id!r}, which isn't in the key list")
    for key_id, name in named.items():
        if name not in tiers:
            raise ConfigError(f"auth.tiers puts key {key_id!r} into tier {name!r}, which isn't under tiers")
    placed = {
        digest: structs.replace(principal, tenant=tenants.get(principal.key_id, principal.tenant))
        for digest, principal in keys.items()
    }
    return {
        digest: apply_tier(principal, tiers[named[principal.key_id]]) if principal.key_id in named else principal
        for digest, principal in placed.items()
    }


def _check_fallbacks(config: DynamicConfig) -> None:
    served = {model.name: model.operations for model in config.models}
    for model in config.models:
        for other in model.fallbacks.names():
            why = why_no_fallback(model.name, other, served)
            if why is not None:
                raise ConfigError(why[0])


def _compile_targets(config: DynamicConfig) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for model in config.models:
        for settings in model.targets:
            target = _compile_target(settings, config)
            if targets.setdefault(target.name, target) != target:
                raise ConfigError(f"target {target.name!r} stands in two places with different settings")
    return targets


def _compile_target(settings: TargetSettings, config: DynamicConfig) -> Target:
    pool: str | None
    region: str | None
    if settings.pool is not None:
        pool, dialect, is_local = settings.pool, POOL_DIALECT, True
        vendor, region, keeps_prompts = LOCAL_VENDOR, config.region, False
    else:
        provider = config.providers.get(settings.provider or "")
        if provider is None:
            raise ConfigError(
                f"target {settings.name!r} names provider {settings.provider!r}, which isn't under providers"
            )
        pool, dialect, is_local = provider.app, provider.kind, False
        vendor, region, keeps_prompts = settings.provider or "", provider.region, provider.keeps_prompts
    return Target(
        name=settings.name,
        model=settings.model or settings.pool or "",
        provider=dialect,
        pool=pool,
        is_local=is_local,
        weight=settings.weight,
        input_price_pusd=settings.input_cost_per_token,
        output_price_pusd=settings.output_cost_per_token,
        cache_read_price_pusd=settings.cache_read_cost_per_token,
        breaker=settings.breaker.to_policy() if settings.breaker else None,
        max_output_tokens=settings.max_output_tokens,
        continues_by=settings.continues_by,
        vendor=vendor,
        region=settings.region or region or "",
        keeps_prompts=keeps_prompts,
        card=settings.card.to_card(),
        gpu_hour_nusd=None if settings.gpu_hour_usd is None else settings.gpu_hour_usd * settings.gpus,
    )


def _compile_model(
    model: ModelSettings, targets: dict[str, Target], config: DynamicConfig, created_at_s: int
) -> ModelRoute:
    return ModelRoute(
        name=model.name,
        targets=tuple(targets[target.name] for target in model.targets),
        operations=frozenset(model.operations),
        timeouts=model.timeouts.to_timeouts(),
        max_in_flight=model.max_in_flight,
        max_waiting=model.max_waiting,
        created_at_s=created_at_s,
        retries=model.retries.to_retries(),
        fallbacks=model.fallbacks.to_fallbacks(),
        degrade=model.degrade.to_degrade(),
        hedging=model.hedging.to_hedging() if model.hedging else None,
        continues=model.continues,
        routing=_compile_routing(model, targets, config),
        limits=(*config.limits.to_limits("global"), *model.limits.to_limits(f"model:{model.name}")),
        choices=to_choices(model.rules, model.auto),
        cache=(model.cache or config.cache).to_policy(_list_answering(model, targets)),
    )


def _compile_routing(model: ModelSettings, targets: Mapping[str, Target], config: DynamicConfig) -> Routing:
    routing = to_routing(model.strategy, model.objective, model.balanced, config.region or "", config.regions)
    if model.spill is None:
        return routing
    return replace(routing, spill=model.spill.to_spill(targets[target.name] for target in model.targets))


def _list_answering(model: ModelSettings, targets: Mapping[str, Target]) -> list[Target]:
    """What may answer for a model; where it leaves that open, any of the targets."""
    if model.rules or model.auto is not None:
        return list(targets.values())
    return [targets[target.name] for target in model.targets]


def _compile_endpoints(config: DynamicConfig, secrets: Secrets) -> dict[str, tuple[Endpoint, ...]]:
    endpoints = {name: provider.to_endpoints(secrets) for name, provider in config.providers.items()}
    return {
        target.name: endpoints[target.provider]
        for model in config.models
        for target in model.targets
        if target.provider is not None and endpoints.get(target.provider)
    }
