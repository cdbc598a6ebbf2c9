"""Owns what the router knows of every endpoint: the router's own in-flight truth, the engine's last word on its load, and ejection."""

from collections.abc import Mapping, Sequence

from turnout.models.openai.rate_limits import Allowances
from turnout.models.target import Endpoint, Load, Target
from turnout.router.catalogue import Catalogue
from turnout.router.plan.breaker import Breaker
from turnout.router.plan.predict.outlook import Outlook
from turnout.router.plan.quota import Quota
from turnout.router.plan.speed import Speed

# Ejection after this many failures in a row, for a time that doubles with each further one. The idea is Envoy's outlier detection; the numbers are
# chosen for replicas that Serve restarts within seconds, not measured.
EJECT_AFTER = 3
EJECT_FIRST_S = 1.0
EJECT_MAX_S = 10.0

EJECTED = "ejected"

# A refused key stays out this long unless the config brings another: an unpaid bill may be paid meanwhile.
OUT_S = 300.0


class Candidate:
    """
    One endpoint of one target, with what the router has seen of it.

    Owned by the Fleet; attempts change it through its methods. It survives config swaps.

    Attributes:
        breaker: the target's, shared by its candidates; None where it has none.
        in_flight: attempts of this router running there now.
        load: the engine's last report, or None.
        ejected_until: loop time until which others are preferred: it has failed several times in a row.
        rest_until: loop time until which it's rate limited.
        is_limited: whether it was rate limited when it was asked last.
        out_until: loop time until which its key is taken for dead.
        quota: what its provider lets through, or None if it doesn't say.
        speed: how fast it has answered lately, or None as long as nobody has asked.
        outlook: what is expected of it, or None as long as nobody has asked.
        context_tokens: the longest prompt and answer together that it takes, or None where nobody has said.
    """

    __slots__ = (
        "_failures",
        "breaker",
        "context_tokens",
        "ejected_until",
        "endpoint",
        "in_flight",
        "is_limited",
        "load",
        "out_until",
        "outlook",
        "quota",
        "rest_until",
        "speed",
        "target",
    )

    def __init__(self, target: Target, endpoint: Endpoint, breaker: Breaker | None = None) -> None:
        self.take(target, endpoint, breaker)
        self.in_flight = 0
        self.load: Load | None = None
        self.ejected_until = self.rest_until = self.out_until = 0.0
        self.is_limited = False
        self.quota: Quota | None = None
        self.speed: Speed | None = None
        self.outlook: Outlook | None = None
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Candidate {self.target.name} {self.endpoint.id} in_flight={self.in_flight} load={self.load}>"

    def take(self, target: Target, endpoint: Endpoint, breaker: Breaker | None) -> None:
        """Stand for this endpoint as the config and its pool have it now."""
        self.target = target
        self.endpoint = endpoint
        self.breaker = breaker
        known = [n for n in (target.card.context_tokens, endpoint.context_tokens) if n is not None]
        self.context_tokens = min(known, default=None)

    def __enter__(self) -> "Candidate":
        self.in_flight += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1

    def may_begin(self, now: float, *, even_ejected: bool = False) -> bool:
        """Whether an attempt may begin there now."""
        if self.rest_until > now or self.out_until > now or (self.ejected_until > now and not even_ejected):
            return False
        return self.breaker is None or self.breaker.admits(now)

    def why_not(self, now: float, *, even_ejected: bool = False) -> str | None:
        """The code of why no attempt may begin there now, or None if one may."""
        resting = self.why_resting(now)
        if resting is not None and not (even_ejected and resting == EJECTED):
            return resting
        return None if self.breaker is None or self.breaker.admits(now) else "breaker_open"

    def why_resting(self, now: float) -> str | None:
        """`key_refused`, `rate_limited` or `ejected` where the endpoint itself is left alone at `now`, whatever its breaker says; else None."""
        if self.out_until > now:
            return "key_refused"
        if self.rest_until > now:
            return "rate_limited"
        return EJECTED if self.ejected_until > now else None

    def may_begin_at(self, now: float) -> float:
        """Loop time from which on an attempt may begin, as far as can be told."""
        ready_at = max(self.rest_until, self.out_until, self.ejected_until, now)
        return ready_at if self.breaker is None else max(ready_at, self.breaker.admits_at(now))

    def watched(self) -> Speed:
        """Its speed, from now on watched."""
        if self.speed is None:
            self.speed = Speed()
        return self.speed

    def foreseen(self) -> Outlook:
        """What is expected of it, from now on learned."""
        if self.outlook is None:
            self.outlook = Outlook(is_engine=self.target.pool is not None)
        return self.outlook

    def rest(self, until: float) -> None:
        """It's rate limited: nothing is sent there before `until` (loop time)."""
        self.rest_until = max(self.rest_until, until)
        self.is_limited = True

    def begin(self, now: float) -> None:
        """An attempt goes there; the next one waits if the provider wouldn't let it through."""
        if self.quota is not None:
            self.quota.begin(now)
            self.rest_until = max(self.rest_until, self.quota.ready_at(now))

    def heed(self, told: Allowances, told_at: float, now: float, tokens: int) -> None:
        """Its provider said at `told_at` what is left of its limits, in the answer to an attempt that used so many tokens (0 if unknown)."""
        if self.quota is None:
            self.quota = Quota()
        self.quota.note(told, told_at, now, tokens, is_alone=self.in_flight <= 1)
        self.rest_until = max(self.rest_until, self.quota.ready_at(now))

    def take_out(self, now: float) -> None:
        """Its key was refused."""
        self.out_until = now + OUT_S

    def succeed(self) -> None:
        """It answered: past failures don't count any more."""
        self.is_limited = False
        self._failures = 0
        self.ejected_until = 0.0

    def fail(self, now: float) -> None:
        """It failed on the wire or with a 5xx."""
        self._failures += 1
        if self._failures >= EJECT_AFTER:
            self._eject(now)

    def refuse_connection(self, now: float) -> None:
        """Nobody listens there: ejected at once, since a process that's gone doesn't come back at the same address."""
        self._failures = max(self._failures + 1, EJECT_AFTER)
        self._eject(now)

    def _eject(self, now: float) -> None:
        doublings = min(self._failures - EJECT_AFTER, 16)  # a float overflows at 1024
        self.ejected_until = now + min(EJECT_MAX_S, EJECT_FIRST_S * 2.0**doublings)


class Fleet:
    """All candidates, by model. One per router replica; discovery and config change it, planning reads it."""

    def __init__(self) -> None:
        self._catalogue = Catalogue(version="", models={}, fixed_endpoints={})
        self._pools: dict[str, tuple[Endpoint, ...]] = {}
        self._known: dict[tuple[str, str], Candidate] = {}
        self._breakers: dict[str, Breaker] = {}
        self._by_model: dict[str, tuple[Candidate, ...]] = {}

    def __repr__(self) -> str:
        return f"<Fleet {len(self._known)} endpoints, {len(self._by_model)} models, config {self._catalogue.version!r}>"

    @property
    def catalogue(self) -> Catalogue:
        """The config in force."""
        return self._catalogue

    @property
    def pools(self) -> set[str]:
        """The pools that the catalogue names; discovery has to follow these."""
        return {t.pool for route in self._catalogue.models.values() for t in route.targets if t.pool is not None}

    def set_catalogue(self, catalogue: Catalogue) -> None:
        """Take a new config; what is known of endpoints that stay is kept."""
        self._catalogue = catalogue
        self._pools = {pool: endpoints for pool, endpoints in self._pools.items() if pool in self.pools}
        self._rebuild()

    def set_pool(self, pool: str, endpoints: Sequence[Endpoint]) -> None:
        """Take a pool's present endpoints, as discovery lists them."""
        self._pools[pool] = tuple(endpoints)
        self._rebuild()

    def set_loads(self, pool: str, loads: Mapping[str, Load]) -> None:
        """Take what a pool's engines said of their load, by endpoint id."""
        for candidate in self._known.values():
            if candidate.target.pool == pool and (load := loads.get(candidate.endpoint.id)) is not None:
                candidate.load = load
                if candidate.outlook is not None:
                    candidate.outlook.told = load

    def candidates(self, model: str) -> Sequence[Candidate]:
        """Every endpoint that may answer for `model`, in the catalogue's order; drained targets and those of weight 0 are left out."""
        return self._by_model.get(model, ())

    def all_candidates(self) -> Mapping[tuple[str, str], Candidate]:
        """By target name and endpoint id, for status and metrics."""
        return self._known

    def _rebuild(self) -> None:
        known: dict[tuple[str, str], Candidate] = {}
        self._by_model = {
            name: tuple(
                candidate
                for target in route.targets
                for candidate in self._of_target(target, known)
                if target.weight > 0 and target.name not in self._catalogue.drained
            )
            for name, route in self._catalogue.models.items()
        }
        self._known = known
        self._breakers = {name: breaker for name, breaker in self._breakers.items() if name in self._target_names()}

    def _target_names(self) -> set[str]:
        return {target.name for route in self._catalogue.models.values() for target in route.targets}

    def _breaker_of(self, target: Target) -> Breaker | None:
        """The target's breaker, kept as long as its policy stays."""
        if target.breaker is None:
            self._breakers.pop(target.name, None)
            return None
        breaker = self._breakers.get(target.name)
        if breaker is None or breaker.policy != target.breaker:
            breaker = self._breakers[target.name] = Breaker(target.breaker)
        return breaker

    def _of_target(self, target: Target, known: dict[tuple[str, str], Candidate]) -> list[Candidate]:
        """The target's candidates; the same object for the same endpoint, before and after a change."""
        listed, name = (
            (self._catalogue.fixed_endpoints, target.name) if target.pool is None else (self._pools, target.pool)
        )
        found: list[Candidate] = []
        breaker = self._breaker_of(target)
        for endpoint in listed.get(name, ()):
            key = (target.name, endpoint.id)
            candidate = known.get(key) or self._known.get(key) or Candidate(target, endpoint)
            if candidate.endpoint != endpoint:  # another key, perhaps
                candidate.out_until = 0.0
                candidate.quota = None
            candidate.take(target, endpoint, breaker)
            known[key] = candidate
            found.append(candidate)
        return found
