"""The Router deployment: a listener, the request line behind it, and what keeps both up to date."""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray import serve

from turnout.models.http.upstream import HttpUpstream
from turnout.models.ledger import AuditEvent
from turnout.models.providers.openai_compatible import OpenAICompatible
from turnout.models.target import Endpoint
from turnout.router.account import Account
from turnout.router.catalogue import Catalogue
from turnout.router.choose.chooser import Chooser
from turnout.router.choose.offers import Offers
from turnout.router.decisions import Decisions
from turnout.router.directory import Directory
from turnout.router.embedding import Embeddings
from turnout.router.execute.attempts import Attempts
from turnout.router.execute.heartbeats import Heartbeats
from turnout.router.execute.slots import Slots
from turnout.router.explain import Explanations
from turnout.router.gateway import Gateway
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.share import NOTHING
from turnout.router.money.purses import Purses
from turnout.router.observe import Observer
from turnout.router.outbox import Outbox
from turnout.router.plan.fleet import Fleet
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.strategies.named import Strategies
from turnout.serve.active_config import ActiveConfig
from turnout.serve.caching import Caching
from turnout.serve.collector import rest_collector
from turnout.serve.config.arguments import RouterArgs
from turnout.serve.config.secret import Secrets
from turnout.serve.control.client import ControlBank, ControlLink
from turnout.serve.control_watch import ControlWatch
from turnout.serve.discovery import Discovery
from turnout.serve.edge.config import EdgeConfig, ShareConfig
from turnout.serve.edge.edge import Edge
from turnout.serve.metrics import merge, render
from turnout.serve.pool_embeddings import PoolEmbeddings
from turnout.serve.replaying import Replaying
from turnout.serve.scaling import IN_FLIGHT
from turnout.serve.sign_in.issuers import Issuers
from turnout.serve.site import Site
from turnout.serve.spooling import Spooling

# What is left of a drain after the last request, for rows on their way to Control.
OUTBOX_DRAIN_S = 5.0
KEYS_S = 1.0
_log = logging.getLogger("ray.serve")  # what Serve's own logger says is shown by `serve run`


class Router:
    """
    One replica of the route. Serve constructs, checks, reconfigures and stops it; no request comes through Serve.

    It's RUNNING once its listener accepts; `/health/ready` says 200 once it has a config and every model has somewhere to go.
    """

    async def __init__(self, args: RouterArgs) -> None:
        loop = asyncio.get_running_loop()
        context = ray.get_runtime_context()
        self._args = args
        self._name = serve.get_replica_context().replica_id.unique_id
        self._configured = asyncio.Event()
        self._upstream = HttpUpstream()
        self._link = ControlLink(self._upstream)
        self._purses = Purses(ControlBank(self._link, self._name), time.monotonic)
        self._outbox = Outbox(self._link, router=self._name, note_safe=self._purses.note_safe)
        self._spooling = Spooling(args.spool, self._name, self._outbox, self._link)
        self._fleet = Fleet()
        self._slots = Slots()
        self._explanations = Explanations(self._outbox, time.monotonic, random.random)
        self._issuers = Issuers(time.time)
        self._directory = Directory(self._issuers.sessions)
        self._embeddings = Embeddings(PoolEmbeddings(self._fleet, self._upstream))
        self._observer = Observer(self._fleet, self._slots, time.monotonic)
        self._limiter = limiter = Limiter(self._observer, time.monotonic, NOTHING)
        self._strategies = Strategies(random.Random(), Spillways(self._observer, lambda: limiter.share.part))
        self._chooser = Chooser(Offers(self._fleet, self._strategies, time.monotonic), self._embeddings)
        references = Secrets(os.environ, context.get_node_id())
        self._replaying = Replaying(args.idempotency, references, self._name)
        self._caching = Caching(args.cache, self._outbox)
        self._gateway = self._make_gateway()
        self._config = ActiveConfig(args.host, references, int(time.time()), self._install)
        self._discovery = Discovery(self._set_endpoints, self._fleet.set_loads)
        self._discovery.follow({args.control})
        self._edge = Edge(Site(self._gateway, self), self._edge_config(context.gcs_address))
        await self._edge.start()
        _log.info("turnout answers at %s://%s:%d/v1", "https" if args.tls else "http", self._edge.host, self._edge.port)
        self._outbox.start()
        self._control = ControlWatch(
            router=self._name,
            node=context.get_node_id(),
            link=self._link,
            config=self._config,
            fleet=self._fleet,
            slots=self._slots,
            observer=self._observer,
            directory=self._directory,
            limiter=self._limiter,
            spooling=self._spooling,
            caching=self._caching,
            explanations=self._explanations,
        )
        self._watch = loop.create_task(self._control.run(), name="watch control")
        self._filling = loop.create_task(self._purses.run(), name="fill purses")
        self._asking = loop.create_task(self._issuers.run(), name="ask issuers")
        rest_collector()

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take the file's dynamic settings; a bad one is refused and reported, the last good one stays. Async, so that it runs on the loop."""
        if not self._config.offer(dict(user_config)):
            self._observer.config_rejected += 1
            detail = json.dumps({"reason": self._config.rejected})
            self._outbox.put_event(AuditEvent(time.time_ns(), self._name, "config.reject", "user_config", detail))

    async def check_health(self) -> None:
        """Raises RuntimeError when the replica should be replaced."""
        if not (self._edge.is_listening or self._edge.is_draining):
            raise RuntimeError("the listener is gone")
        if (
            self._watch.done()
            or self._filling.done()
            or self._asking.done()
            or not (self._discovery.is_running and self._replaying.is_running and self._spooling.is_running)
        ):
            raise RuntimeError("a background task has ended")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """For the scaling policy: requests being answered."""
        return {IN_FLIGHT: float(self._edge.in_flight)}

    async def __del__(self) -> None:
        """Drain; Serve awaits this once when it stops the replica."""
        notice_s = 0.0 if self._edge.host.startswith("127.") else self._args.drain_notice_s
        await self._edge.drain(self._args.drain_s, notice_s)
        await self._outbox.drain(OUTBOX_DRAIN_S)
        await self._spooling.close()
        self._filling.cancel()
        self._asking.cancel()
        await self._purses.empty()
        self._watch.cancel()
        await self._control.leave()
        await self._discovery.close()
        await self._replaying.close()
        await self._caching.close()
        await self._embeddings.close()
        await self._upstream.close()

    def why_not_ready(self) -> str | None:
        """None when every model of the config has an endpoint; else what is missing."""
        if self._config.accepted is None:
            return self._config.rejected or "no config yet"
        models = self._gateway.catalogue.models.items()
        waiting = [name for name, route in models if route.targets and not self._fleet.candidates(name)]
        return f"no running target for {', '.join(sorted(waiting))}" if waiting else None

    async def has_settings(self, within_s: float) -> bool:
        """Whether a config is in force, now or within so long; Control's keys have a second more to come, and without Control the file's must do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._configured.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KEYS_S):
                await self._directory.wait_until_known()
        return self._configured.is_set()

    def is_node_draining(self) -> bool:
        """Whether this replica is stopping and none other on the node takes its place."""
        return self._edge.is_draining and not self._edge.has_siblings

    async def metrics(self) -> bytes:
        """Prometheus text of this replica and its siblings on the node; a sibling that doesn't answer in 200 ms is left out."""
        return merge([self._own_metrics(), *await self._edge.ask_siblings("metrics", timeout_s=0.2)])

    def _make_gateway(self) -> Gateway:
        attempts = Attempts(
            fleet=self._fleet,
            strategies=self._strategies,
            slots=self._slots,
            upstream=self._upstream,
            providers={"openai_compatible": OpenAICompatible()},
            account=Account(self._explanations, time.monotonic, self._purses),
            heartbeats=Heartbeats(asyncio.get_running_loop().call_later, time.monotonic),
            tally=self._observer,
            explanations=self._explanations,
            now=time.monotonic,
            sleep=asyncio.sleep,
            draw=random.random,
        )
        return Gateway(
            Catalogue(version="", models={}, fixed_endpoints={}),
            attempts=attempts,
            observer=self._observer,
            limiter=self._limiter,
            directory=self._directory,
            chooser=self._chooser,
            now=time.monotonic,
            wall_ns=time.time_ns,
            new_id=request_ids(secrets.token_hex(8)),
            cache=self._caching.cache,
            replays=self._replaying.replays,
            decisions=Decisions(self._outbox, time.time_ns),
        )

    def _edge_config(self, cluster: str) -> EdgeConfig:
        args = self._args
        share = ShareConfig(cluster.replace(":", "-"), {"metrics": self._own_metrics})
        return EdgeConfig(
            args.host, args.port, args.limits.to_limits(), args.tls.to_files() if args.tls else None, share
        )

    def _own_metrics(self) -> bytes:
        return render(self._observer, self._name, self._caching.tally)

    def _install(self, catalogue: Catalogue) -> None:
        self._gateway.catalogue = catalogue
        self._issuers.set(self._config.accepted.auth.oidc if self._config.accepted else ())
        self._explanations.share = self._config.accepted.decisions.share if self._config.accepted else 0.0
        self._purses.policy = catalogue.money
        self._fleet.set_catalogue(catalogue)
        self._chooser.set_catalogue(catalogue)
        self._slots.keep_only(set(catalogue.models))
        self._strategies.keep_only(set(catalogue.models))
        self._limiter.keep_only(set(catalogue.models))
        self._discovery.follow(self._fleet.pools | {self._args.control})
        self._configured.set()

    def _set_endpoints(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        if pool == self._args.control:
            self._link.set_endpoint(endpoints[0] if endpoints else None)
        else:
            self._fleet.set_pool(pool, endpoints)


def request_ids(prefix: str) -> Callable[[], str]:
    """Ids that are unique in a cluster: a random prefix for the process, and a count, padded so that the ledger's index grows at its end."""
    count = itertools.count(1).__next__
    return lambda: f"req-{prefix}-{count():010x}"
