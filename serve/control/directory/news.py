"""What routers are told of the directory: the last changes, or all of it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from turnout.router.directory import KeyChanges

KEEP_KEYS = 20_000
"""Keys in the changes that are kept; a router that is further behind gets all."""


@dataclass(frozen=True, slots=True)
class _Step:
    since: int
    version: int
    principals: Mapping[bytes, bytes]
    gone: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return len(self.principals) + len(self.gone) + 1


class News:
    """Owner of the principals as routers get them, and of the last changes to them; bounded by `keep_keys` beside what is in force."""

    def __init__(
        self, version: int, principals: Mapping[bytes, bytes] | None = None, keep_keys: int = KEEP_KEYS
    ) -> None:
        self.version = version
        self._all = dict(principals or {})
        self._keep_keys = keep_keys
        self._steps: deque[_Step] = deque()
        self._size = 0

    def __repr__(self) -> str:
        return f"News(version={self.version}, keys={len(self._all)}, steps={len(self._steps)})"

    def add(self, version: int, principals: Mapping[bytes, bytes], gone: Iterable[bytes]) -> None:
        """Take a change in; `principals` are those that are new or others now."""
        step = _Step(self.version, version, principals, tuple(gone))
        for digest in step.gone:
            self._all.pop(digest, None)
        self._all.update(principals)
        self._steps.append(step)
        self._size += step.size
        while self._size > self._keep_keys:
            self._size -= self._steps.popleft().size
        self.version = version

    def since(self, version: int) -> KeyChanges:
        """What somebody doesn't have who has `version`: the changes since, or all if it isn't known what those are."""
        steps = [step for step in self._steps if step.since >= version]
        if not steps or steps[0].since != version:
            return KeyChanges(self.version, None, dict(self._all))
        changed: dict[bytes, bytes] = {}
        gone: set[bytes] = set()
        for step in steps:
            changed.update(step.principals)
            gone.difference_update(step.principals)
            gone.update(step.gone)
        kept = {digest: principal for digest, principal in changed.items() if digest not in gone}
        return KeyChanges(self.version, version, kept, tuple(gone))
