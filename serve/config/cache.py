"""What answers are kept for, by model, and where a router keeps them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator, Field

from turnout.models.target import Target
from turnout.router.cache.policy import TIME_WORDS, CachePolicy, Scope
from turnout.serve.config.fields import AppName, Seconds, Settings, expand_home

_POLICY = CachePolicy("")
_Word = Annotated[str, Field(min_length=1, max_length=64)]
_FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class CacheSettings(Settings):
    """
    Answers kept to be given again to equal requests of the same tenant. `docs/cache.md` says what is kept and why.

    Attributes:
        exact: whether any are.
        ttl_s: how long an answer is fresh; a caller's own `ttl` can only shorten it.
        stale_s: how long after that it's given when nothing else can answer, where `degrade.stale` allows it.
        answer_bytes: a larger answer isn't kept.
        max_temperature: requests that ask for more pass the cache by.
        scope: who shares answers: all of a `tenant`, a `user` or a `key`.
        personal: fields of the body that answers depend on, such as `user`; a request that lacks one passes the cache by.
        time_words: in the last thing a user said, in lower case: answers to that change with time. `[]` for none.
        tool_calls: whether requests with tools have a place in it.
        excluded: ids of keys, and tenants, whose requests pass it by.
        version: of whatever else answers depend on, such as your data: with another one, nothing from before is found.
    """

    exact: bool = False
    ttl_s: Seconds = _POLICY.ttl_s
    stale_s: Annotated[float, Field(ge=0, le=30 * 24 * 3600)] = _POLICY.stale_s
    answer_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = _POLICY.answer_bytes
    max_temperature: Annotated[float, Field(ge=0, le=2)] = _POLICY.max_temperature
    scope: Literal["tenant", "user", "key"] = "tenant"
    personal: Annotated[tuple[_FieldName, ...], Field(max_length=8)] = ()
    time_words: Annotated[tuple[_Word, ...], Field(max_length=256)] = TIME_WORDS
    tool_calls: bool = _POLICY.keeps_tool_calls
    excluded: tuple[AppName, ...] = ()
    version: Annotated[str, Field(max_length=128)] = ""

    def to_policy(self, targets: Iterable[Target]) -> CachePolicy | None:
        """
        The same for the router, or None where nothing is kept.

        Args:
            targets: all that may answer. Entries of others aren't found; weights and drains make no difference.
        """
        if not self.exact:
            return None
        return CachePolicy(
            revision=_digest(self.version, targets),
            ttl_s=self.ttl_s,
            stale_s=self.stale_s,
            answer_bytes=self.answer_bytes,
            max_temperature=self.max_temperature,
            scope=Scope(self.scope),
            personal=self.personal,
            time_words=tuple(word.lower() for word in self.time_words),
            keeps_tool_calls=self.tool_calls,
            excluded=frozenset(self.excluded),
        )


class CacheStoreSettings(Settings):
    """
    Where a router keeps answers.

    Attributes:
        memory_bytes: in each replica.
        folder: on every node with a router, for this cluster and user alone: all routers of a node share what's in it, and it outlives them.
            Without it, each replica has its memory only.
        file_bytes: of the answers in that folder; what ends soonest and saves least goes first.
    """

    memory_bytes: Annotated[int, Field(ge=64 * 1024)] = 64 * 1024 * 1024
    folder: Annotated[Path, AfterValidator(expand_home)] | None = None
    file_bytes: Annotated[int, Field(ge=1024 * 1024)] = 1024 * 1024 * 1024


def _digest(version: str, targets: Iterable[Target]) -> str:
    answering = sorted((target.name, target.model, target.provider, target.vendor) for target in targets)
    return hashlib.blake2b(msgspec.json.encode((version, answering)), digest_size=16).hexdigest()
