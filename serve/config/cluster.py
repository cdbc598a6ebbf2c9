"""The cluster file: the part of Ray Serve's own schema that makes sense without Serve's ingress, with typed `args` for each application."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from turnout.serve.config.arguments import (
    ControlArgs,
    EmbedderArgs,
    EngineArgs,
    ProviderArgs,
    RouterArgs,
    ScriptedEngineArgs,
)
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.fields import AppName, Port, Settings, Variables

BUILDERS = "turnout.serve.apps"
KINDS = ("engine", "scripted_engine", "embedder", "control", "router", "provider")
"""Functions of `turnout.serve.apps` that `import_path` may name."""
POOLS = ("engine", "scripted_engine", "embedder")
"""Those that a target's `pool` may name."""


class LoggingSettings(Settings):
    """Ray Serve's logging options."""

    encoding: Literal["TEXT", "JSON"] = "TEXT"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    logs_dir: str | None = None
    enable_access_log: bool = True
    additional_log_standard_attrs: tuple[str, ...] = ()


class HttpSettings(Settings):
    """Ray Serve's HTTP proxy, which is off; kept so that files made for Serve can be read."""

    host: str = "127.0.0.1"
    port: Port = 8000
    root_path: str = ""
    request_timeout_s: float | None = None
    keep_alive_timeout_s: int = 90


class GrpcSettings(Settings):
    """Ray Serve's gRPC proxy, which is off too."""

    port: Port = 9000
    grpc_servicer_functions: tuple[str, ...] = ()
    request_timeout_s: float | None = None


class RuntimeEnv(Settings):
    """The parts of Ray's runtime environment that may be set for an application."""

    env_vars: Variables = {}
    working_dir: str | None = None
    py_modules: tuple[str, ...] | None = None
    pip: list[str] | dict[str, Any] | None = None
    uv: list[str] | dict[str, Any] | None = None
    py_executable: str | None = None


class DeploymentOptions(Settings):
    """
    Ray Serve's own options of one deployment, less those that `args` sets: Serve would replace, not merge them, and lose our scaling policy.

    Attributes:
        health_check_period_s, health_check_timeout_s, max_surge_percent, rolling_update_percentage, logging_config: as in Serve.
        placement_group_bundles, placement_group_strategy, placement_group_bundle_label_selector, gang_scheduling_config: as in Serve.
    """

    name: str
    health_check_period_s: Annotated[float, Field(gt=0)] | None = None
    health_check_timeout_s: Annotated[float, Field(gt=0)] | None = None
    max_surge_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    rolling_update_percentage: Annotated[float, Field(gt=0, le=100)] | None = None
    placement_group_bundles: tuple[dict[str, float], ...] | None = None
    placement_group_strategy: Literal["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] | None = None
    placement_group_bundle_label_selector: tuple[dict[str, str], ...] | None = None
    gang_scheduling_config: dict[str, Any] | None = None
    logging_config: LoggingSettings | None = None


class RouterOptions(DeploymentOptions):
    """The Router's, which has dynamic settings besides."""

    name: Literal["Router"]
    user_config: DynamicConfig


class ControlOptions(Settings):
    """Control's, which can't be doubled even for a moment: no surge, no placement groups."""

    name: Literal["Control"]
    health_check_period_s: Annotated[float, Field(gt=0)] | None = None
    health_check_timeout_s: Annotated[float, Field(gt=0)] | None = None
    logging_config: LoggingSettings | None = None


class EngineOptions(DeploymentOptions):
    """An engine pool's, scripted or not."""

    name: Literal["Engine"]


class EmbedderOptions(DeploymentOptions):
    """An embedder pool's."""

    name: Literal["Embedder"]


class ProviderOptions(DeploymentOptions):
    """A provider deployment's."""

    name: Literal["Provider"]


class Application(Settings):
    """
    One Serve application.

    Attributes:
        name: unique; pools are named by it.
        route_prefix: null, and written out: Serve would publish the application at `/` otherwise.
        import_path: its builder.
        runtime_env: what its processes need besides the installed package.
        logging_config: as in Serve.
    """

    name: AppName
    route_prefix: None
    import_path: str
    runtime_env: RuntimeEnv = RuntimeEnv()
    logging_config: LoggingSettings | None = None

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.import_path.rpartition(":")[2]


class EngineApplication(Application):
    """A pool of vLLM replicas."""

    import_path: Literal["turnout.serve.apps:engine"]
    args: EngineArgs
    deployments: tuple[EngineOptions, ...] = ()


class ScriptedEngineApplication(Application):
    """A pool of replicas that answer by a script."""

    import_path: Literal["turnout.serve.apps:scripted_engine"]
    args: ScriptedEngineArgs = ScriptedEngineArgs()
    deployments: tuple[EngineOptions, ...] = ()


class EmbedderApplication(Application):
    """A pool of sentence-embedding replicas."""

    import_path: Literal["turnout.serve.apps:embedder"]
    args: EmbedderArgs
    deployments: tuple[EmbedderOptions, ...] = ()


class ControlApplication(Application):
    """The one writer."""

    import_path: Literal["turnout.serve.apps:control"]
    args: ControlArgs
    deployments: tuple[ControlOptions, ...] = ()


class RouterApplication(Application):
    """The route that clients use."""

    import_path: Literal["turnout.serve.apps:router"]
    args: RouterArgs = RouterArgs()
    deployments: Annotated[tuple[RouterOptions, ...], Field(min_length=1, max_length=1)]

    @property
    def user_config(self) -> DynamicConfig:
        """What can change while requests run."""
        return self.deployments[0].user_config


class ProviderApplication(Application):
    """A remote provider behind a deployment of its own."""

    import_path: Literal["turnout.serve.apps:provider"]
    args: ProviderArgs
    deployments: tuple[ProviderOptions, ...] = ()


def _kind_of(application: object) -> str | None:
    """The union's tag; None makes pydantic report `union_tag_not_found`."""
    path = (
        application.get("import_path") if isinstance(application, dict) else getattr(application, "import_path", None)
    )
    module, _, kind = str(path).partition(":")
    return f"<{kind}>" if module == BUILDERS and kind in KINDS else None


AnyApplication = Annotated[
    Annotated[EngineApplication, Tag("<engine>")]
    | Annotated[ScriptedEngineApplication, Tag("<scripted_engine>")]
    | Annotated[EmbedderApplication, Tag("<embedder>")]
    | Annotated[ControlApplication, Tag("<control>")]
    | Annotated[RouterApplication, Tag("<router>")]
    | Annotated[ProviderApplication, Tag("<provider>")],
    Discriminator(_kind_of),
]


class ClusterFile(Settings):
    """
    One cluster.

    Attributes:
        proxy_location: `Disabled`, and written out: Serve starts its proxy otherwise.
        applications: one router, one control, any number of pools and providers.
        http_options, grpc_options: Serve's; without effect here.
        logging_config: for applications that don't say.
    """

    proxy_location: Literal["Disabled"]
    applications: Annotated[tuple[AnyApplication, ...], Field(min_length=1)]
    http_options: HttpSettings | None = None
    grpc_options: GrpcSettings | None = None
    logging_config: LoggingSettings | None = None
