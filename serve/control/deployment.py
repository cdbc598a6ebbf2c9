"""The Control deployment: one replica, one writer, two listeners."""

import os
import time
from importlib.metadata import version
from secrets import token_bytes, token_hex, token_urlsafe
from typing import Any

import ray
from ray import serve

from turnout.serve.collector import rest_collector
from turnout.serve.config.arguments import ANY_NODE, ControlArgs
from turnout.serve.config.secret import Secrets
from turnout.serve.control.actor import Actors, require_actor
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.bell import Bell
from turnout.serve.control.counters.office import CountersOffice
from turnout.serve.control.decisions.office import DecisionOffice
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.desk import DirectoryDesk
from turnout.serve.control.directory.routes import DirectoryRoutes
from turnout.serve.control.directory.rows import DirectoryRows
from turnout.serve.control.internal import InternalRoutes
from turnout.serve.control.ledger_id import LedgerId
from turnout.serve.control.measured import MeasuredLedger
from turnout.serve.control.money.metrics import MetricsRoute
from turnout.serve.control.money.office import MoneyOffice
from turnout.serve.control.money.routes import BudgetRoutes
from turnout.serve.control.opening import open_store
from turnout.serve.control.prices.office import PriceOffice, keep_prices
from turnout.serve.control.proof.files import put_key
from turnout.serve.control.records import Records
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.shares import Shares
from turnout.serve.control.sign_in import AdminSignIn
from turnout.serve.control.state_dir import StateDir
from turnout.serve.edge.asgi import AsgiBridge
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge
from turnout.serve.exposure import refuse_exposed_dashboard
from turnout.serve.listener import PrivateListener
from turnout.serve.options import HEALTH_PERIOD_S, HEALTH_TIMEOUT_S

DRAIN_S = 3.0
"""For calls in flight when Control is stopped; routers keep their rows until the next one listens."""

HEAD = "head"
ADMIN_HOST = "127.0.0.1"


class Control:
    """
    The replica. It holds the locks of `state_dir` and of its store for its life, so a second one for either refuses to start.

    Routers reach it at a private listener, which discovery tells them of; `/admin/*` is on loopback of its node.
    """

    async def __init__(self, args: ControlArgs) -> None:
        self._is_draining = False
        await refuse_exposed_dashboard(ray.get_runtime_context().gcs_address)
        self._state = StateDir.take(args.state_dir)
        secrets = Secrets(os.environ, ray.get_runtime_context().get_node_id())
        admin_key = secrets.read_line(args.admin_key) if args.admin_key else self._state.get_admin_key()
        if args.audit_key:
            put_key(self._state.path, secrets.read_line(args.audit_key))
        self._store = await open_store(args.store, self._state.path, secrets, token_bytes(16))
        bell = Bell()
        book = await SettingsBook.open(self._store, time.time_ns, bell)
        roster = Roster(time.monotonic)
        directory = await DirectoryBook.open(DirectoryRows(self._store.committer), time.time_ns, bell)
        self._sign_in = AdminSignIn(book, bell)
        actors = Actors(admin_key, directory, time.time_ns, self._sign_in.find_actor)
        desk = DirectoryDesk(directory, time.time_ns, new_secret=lambda: token_urlsafe(32), new_id=lambda: token_hex(8))
        routes = DirectoryRoutes(desk, actors, roster, book, time.time_ns)
        self._money = MoneyOffice.open(self._store, directory, roster, args.alerts, secrets)
        shares = Shares(time.monotonic, bell, has_whole=args.counters is None)
        ledger_id = await LedgerId.open(self._store.committer, lambda: token_hex(8))
        self._counters = CountersOffice.open(args.counters, secrets, shares, ledger_id.name)
        ledger = MeasuredLedger(self._store, time.monotonic)
        self._prices = PriceOffice(book, bell, time.time, keep_prices(self._store.committer, time.time_ns))
        self._decisions = DecisionOffice(self._store.committer, book, roster, bell, time.time_ns)
        self._internal = PrivateListener(
            InternalRoutes(
                ledger,
                book,
                roster,
                bell,
                sources=[directory, shares, ledger_id, self._prices, self._decisions.inquiries],
                treasury=self._money.treasury,
            ),
            args.host,
        )
        budgets = BudgetRoutes(self._money.treasury, actors, directory.find_owner)
        metrics = MetricsRoute(self._money.treasury, self._money.alerts_told, ledger)
        self._version = version("turnout")
        self._records = await Records.open(self._store, self._state.path, roster, actors, time.time_ns)
        app = make_admin_app(
            Desk(
                self._store,
                book,
                roster,
                time.monotonic,
                self._version,
                routes,
                budgets,
                self._records,
                metrics,
                self._decisions,
            )
        )
        self._admin = Edge(require_actor(AsgiBridge(app), actors), EdgeConfig(ADMIN_HOST, args.admin_port))
        self._prices.start()
        self._decisions.start()
        await self._internal.open()
        await self._admin.start()
        rest_collector()

    def record_replica_metadata(self) -> dict[str, Any]:
        """Where routers reach it; Serve asks once."""
        return self._internal.metadata("control", self._version)

    def check_health(self) -> None:
        """
        Tell Serve whether it can work.

        Raises:
            RuntimeError: a listener or the store's thread is gone.
        """
        if self._is_draining:
            return
        self._internal.check()
        if not self._admin.is_listening:
            raise RuntimeError("the admin listener is gone")
        if not self._store.is_alive or not self._money.is_running:
            raise RuntimeError("the store is closed, or nobody looks after leases")
        if not self._sign_in.is_running:
            raise RuntimeError("nobody looks after the issuers' keys")
        if not self._decisions.is_running:
            raise RuntimeError("nobody prunes old decisions")
        if not self._prices.is_running:
            raise RuntimeError("nobody reads the price table")
        if not self._counters.is_running:
            raise RuntimeError("nobody shares limits with the other clusters")
        if not self._records.is_running:
            raise RuntimeError("nobody signs the audit log, sums the ledger or counts replicas")

    async def __del__(self) -> None:
        """Answer what is in flight, put it on disk, let go of the lock. Serve awaits this once."""
        self._is_draining = True
        await self._admin.close()
        self._money.close()
        self._sign_in.close()
        self._prices.close()
        self._decisions.close()
        await self._internal.drain(DRAIN_S)
        await self._counters.close()
        await self._records.close()
        await self._store.close()
        self._state.release()


def control_app(args: ControlArgs) -> serve.Application:
    """The Serve application of Control."""
    node = "__internal_head__" if args.node == HEAD else args.node
    resources = {} if args.node == ANY_NODE else {f"node:{node}": 0.001}
    deployment = serve.deployment(Control).options(
        name="Control",
        num_replicas=1,
        # The old one has to let go of the lock before the new one can start.
        max_surge_percent=0,
        ray_actor_options={"num_cpus": args.num_cpus, "resources": resources},
        graceful_shutdown_wait_loop_s=0.1,
        graceful_shutdown_timeout_s=2 * DRAIN_S + 5.0,
        health_check_period_s=HEALTH_PERIOD_S,
        health_check_timeout_s=HEALTH_TIMEOUT_S,
    )
    return deployment.bind(args)
