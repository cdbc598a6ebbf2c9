"""Tiers as the cluster file says them, and the rules between them, the keys and the models."""

from typing import Annotated

from pydantic import Field

from turnout.models.access import is_covered
from turnout.router.tiers import Tier
from turnout.serve.config.fields import ModelPattern, Region, Settings
from turnout.serve.config.limits import LimitSettings
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Found, suggest


class TierSettings(Settings):
    """
    What holds for every key of a tier, besides what the key says; of both, the more restrictive. `docs/fairness.md` has the rules.

    Attributes:
        priority: lower is sooner, where requests wait; a key that has none gets this one.
        share: of what a waiting line gives, in tokens, against other tenants' shares; a key that has none gets this one.
        models: the public names its keys may use; all unless said.
        regions: where its prompts may be processed; anywhere unless said.
        is_local_only: its prompts never leave the cluster.
        limits: of each key by itself.
    """

    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    share: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    models: tuple[ModelPattern, ...] | None = None
    regions: tuple[Region, ...] | None = None
    is_local_only: bool = False
    limits: LimitSettings = LimitSettings()

    def to_tier(self, name: str) -> Tier:
        """The same for the router."""
        return Tier(
            name,
            self.priority,
            self.share,
            None if self.models is None else frozenset(self.models),
            self.is_local_only,
            self.limits.to_limits(f"tier:{name}"),
            None if self.regions is None else frozenset(self.regions),
        )


def check_tiers(dynamic: Part) -> Found:
    """Tiers that keys or issuers name and that aren't there; models of tiers that aren't there."""
    tiers = [part.key for part in dynamic.at("tiers").parts()]
    models = [model.at("name").text for model in dynamic.at("models").parts()]
    named = [
        *dynamic.at("auth", "tiers").parts(),
        *(issuer.at("tier") for issuer in dynamic.at("auth", "oidc").parts()),
    ]
    for part in named:
        if part.text and part.text not in tiers:
            hint = suggest(part.text, tiers) or "add it to user_config.tiers"
            yield part.problem(f"there is no tier {part.text!r}", hint)
    for tier in dynamic.at("tiers").parts():
        for model in tier.at("models").parts():
            if model.text and not _is_known(model.text, models):
                yield model.problem(f"there is no model {model.text!r}", suggest(model.text, models))


def _is_known(name: str, models: list[str]) -> bool:
    """Whether one of the models is called so, stands for it, or is one of those that `name` stands for."""
    return name in models or is_covered(name, models) or any(is_covered(model, [name]) for model in models)
