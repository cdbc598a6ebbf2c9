"""What each application of a cluster file takes as `args`: the static settings, read once when its replicas start."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from turnout.serve.config.cache import CacheStoreSettings
from turnout.serve.config.counters import CounterSettings
from turnout.serve.config.fields import AppName, ModelName, Port, Seconds, SecretRef, Settings, Variables, expand_home
from turnout.serve.config.idempotency import IdempotencySettings
from turnout.serve.config.money import AlertSettings
from turnout.serve.config.remote import RemoteSettings
from turnout.serve.config.spool import SpoolSettings
from turnout.serve.config.store import StoreSettings
from turnout.serve.edge.config import EdgeLimits, TlsFiles
from turnout.serve.mock.script import MockScript, ModelScript

FilePath = Annotated[Path, AfterValidator(expand_home)]
ANY_NODE = "any"
Amount = Annotated[float, Field(ge=0)]


class Replicas(Settings):
    """
    How many replicas an application may have.

    Attributes:
        min: at least this many. There's no scaling to zero: a request can't wake a pool yet.
        max: at most this many.
        initial: to start with; `min` unless said.
    """

    min: PositiveInt = 1
    max: PositiveInt = 1
    initial: PositiveInt | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        if self.initial is not None and not self.min <= self.initial <= self.max:
            raise ValueError(f"initial ({self.initial}) isn't between min ({self.min}) and max ({self.max})")
        return self


class ScaledArgs(Settings):
    """
    How an application is scaled and placed; Ray's names where Ray has one.

    Attributes:
        replicas: their bounds.
        target_in_flight: requests in flight that one replica should have; scaling keeps close to it.
        upscale_delay_s: how long more has to be needed before a replica is added.
        downscale_delay_s: how long less has to be enough before one is taken away.
        num_cpus, num_gpus: what Ray sets aside for a replica.
        accelerator_type: such as `H100`.
        resources: Ray's custom resources, by name.
        label_selector: Ray's node labels, by name.
        max_replicas_per_node: no limit unless said.
        drain_s: how long a replica that's stopped may finish what it has begun.
    """

    replicas: Replicas = Replicas()
    target_in_flight: PositiveFloat = 8.0
    upscale_delay_s: Annotated[float, Field(ge=0)] = 10.0
    downscale_delay_s: Annotated[float, Field(ge=0)] = 300.0
    num_cpus: Amount = 1.0
    num_gpus: Amount = 0.0
    accelerator_type: str | None = None
    resources: dict[str, Amount] = {}
    label_selector: dict[str, str] = {}
    max_replicas_per_node: Annotated[int, Field(ge=1, le=100)] | None = None
    drain_s: Seconds = 300.0


class EngineArgs(ScaledArgs):
    """
    A pool of vLLM replicas.

    Attributes:
        model: a name of `turnout models list`, a folder, or a hub id.
        served_name: what the engine calls its model; the application's name unless said.
        engine_kwargs: vLLM's own engine arguments, by their Python names.
        env: environment variables of the engine's processes.
        host: the address that replicas listen on, at a port of their own; the node's own address unless said.
    """

    model: str
    served_name: ModelName | None = None
    engine_kwargs: dict[str, Any] = {}
    env: Variables = {}
    host: str | None = None


def _script_kind(script: object) -> str:
    """The union's tag; problems are told without it."""
    return "<file>" if isinstance(script, str | Path) else "<script>"


class ScriptedEngineArgs(ScaledArgs):
    """
    A pool of replicas that answer by a script, for trials without a model.

    Attributes:
        script: as for `turnout mock`, or a file with one on every node that runs a replica; a model called `*` stands for any.
        served_name: what the pool calls its model; the application's name unless said.
        host: as for engines.
    """

    script: Annotated[
        Annotated[MockScript, Tag("<script>")] | Annotated[FilePath, Tag("<file>")], Discriminator(_script_kind)
    ] = MockScript(models={"*": ModelScript()})
    served_name: ModelName | None = None
    host: str | None = None
    num_cpus: Amount = 0.1


class EmbedderArgs(ScaledArgs):
    """
    A pool of sentence-embedding replicas.

    Attributes:
        model: a name of `turnout models list`, a folder, or a hub id.
        served_name: what the embedder calls its model; the application's name unless said.
        max_batch: texts that go through the model at once.
        threads: of the model's own computations.
        env: environment variables of a replica.
        host: as for engines.
    """

    model: str
    served_name: ModelName | None = None
    max_batch: Annotated[int, Field(ge=1, le=1024)] = 32
    threads: PositiveInt = 1
    env: Variables = {}
    host: str | None = None


class ControlArgs(Settings):
    """
    The one writer: ledger, audit, admin changes.

    Attributes:
        state_dir: folder of its store and its keys, on the node's own disk.
        store: what it keeps its rows in; a file in `state_dir` unless said.
        admin_port: of `/admin/*`, on loopback of its node.
        admin_key: the key for `/admin/*`; unless said, one is made on the first start, in `state_dir/admin.key`.
        audit_key: the key that signs the audit log, 64 hex digits; unless said, one is made on the first start, in `state_dir/audit.key`.
        node: IP address of the node that has `state_dir`, or `head`; `any` where the store is on a server and both keys are given.
        host: the address that routers reach it at; the node's own unless said.
        num_cpus: what Ray sets aside.
        alerts: who is told when a budget is nearly spent.
        counters: what other clusters share limits by; none if there are no others.
    """

    state_dir: FilePath
    store: StoreSettings = StoreSettings()
    admin_port: Port = 8001
    admin_key: SecretRef | None = None
    audit_key: SecretRef | None = None
    node: str = "head"
    host: str | None = None
    num_cpus: Amount = 0.1
    alerts: Annotated[tuple[AlertSettings, ...], Field(max_length=16)] = ()
    counters: CounterSettings | None = None

    @model_validator(mode="after")
    def _check_node(self) -> Self:
        if self.node == ANY_NODE and (self.store.kind == "sqlite" or self.admin_key is None or self.audit_key is None):
            raise ValueError(
                "node: any needs a store of kind postgres, an admin_key and an audit_key: state_dir is another on each node"
            )
        return self


class EdgeSettings(Settings):
    """
    What the router's listener refuses; `turnout.serve.edge.config.EdgeLimits` says what happens then.

    Attributes:
        header_bytes, header_s: largest header, and the time to send it.
        idle_s: how long a kept connection may be silent between requests.
        body_bytes, body_gap_s, body_s: largest body, longest silence in it, and the time to send it.
        stall_s: how long a client may leave an answer unread.
        connections: open at once in one replica.
        age_s: a connection is closed after about this long, so that new replicas get work.
    """

    header_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024)] = 32 * 1024
    header_s: Seconds = 5.0
    idle_s: Seconds = 75.0
    body_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 32 * 1024 * 1024
    body_gap_s: Seconds = 10.0
    body_s: Seconds = 120.0
    stall_s: Seconds = 60.0
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    age_s: Seconds = 60.0

    def to_limits(self) -> EdgeLimits:
        """The same for the listener."""
        return EdgeLimits(**self.model_dump())


class TlsSettings(Settings):
    """
    Certificate files of the router's listener, in PEM.

    Attributes:
        cert: the certificate and its chain.
        key: its private key.
    """

    cert: FilePath
    key: FilePath

    def to_files(self) -> TlsFiles:
        """The same for the listener."""
        return TlsFiles(self.cert, self.key)


class RouterArgs(ScaledArgs):
    """
    The route that clients use.

    Attributes:
        host: address to listen on; anything but loopback needs keys in `auth`.
        port: of the one socket that all replicas on a node share.
        control: the application that keeps ledger and admin changes.
        limits: of the listener.
        tls: none is plain HTTP.
        idempotency: what's kept for requests with an `Idempotency-Key`.
        cache: where answers are kept; the models say which.
        spool: copies of rows that Control doesn't have yet; null for none.
        drain_notice_s: how long the last replica on a draining node says so in `/-/healthz` and goes on accepting.
    """

    host: str = "127.0.0.1"
    port: Port = 8000
    control: AppName = "control"
    limits: EdgeSettings = EdgeSettings()
    tls: TlsSettings | None = None
    idempotency: IdempotencySettings = IdempotencySettings()
    cache: CacheStoreSettings = CacheStoreSettings()
    spool: SpoolSettings | None = SpoolSettings()
    drain_notice_s: Annotated[float, Field(ge=0, le=300)] = 5.0
    target_in_flight: PositiveFloat = 256.0


class ProviderArgs(ScaledArgs, RemoteSettings):
    """
    A remote provider behind a deployment of its own: for nodes that may reach it while routers may not.

    Attributes:
        kind: its dialect.
        host: as for engines.
    """

    kind: Literal["openai_compatible"] = "openai_compatible"
    host: str | None = None
    num_cpus: Amount = 0.1
    target_in_flight: PositiveFloat = 256.0
