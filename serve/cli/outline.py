"""What commands need to know of a cluster file: where its route and its admin API are, what it serves, who may ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.config.arguments import RouterArgs
from turnout.serve.config.check import check_file, load_file
from turnout.serve.config.cluster import ClusterFile, ControlApplication, RouterApplication
from turnout.serve.config.problem import Problem
from turnout.serve.config.store import StoreSettings

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
"""How this machine reaches a listener that's bound to all addresses."""


@dataclass(frozen=True, slots=True)
class PublicModel:
    """
    A name clients may ask for.

    Attributes:
        name: what goes into `model`.
        operations: the routes that serve it.
        is_local: whether only pools of this cluster answer for it.
    """

    name: str
    operations: frozenset[str]
    is_local: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """
    One cluster, as seen from the machine that runs it.

    Attributes:
        file: the cluster file, absolute.
        url: of the route, such as `http://127.0.0.1:8000`.
        router: the router's application.
        drain_s: how long its replicas may finish what they have begun.
        pools: applications of engines, embedders and providers.
        models: what clients may ask for, in the file's order.
        keys: where the client keys are (`env:NAME`, `file:PATH`), or None.
        is_open: whether requests without a key are let in.
        admin_url: of Control, such as `http://127.0.0.1:8001`.
        admin_key: a file to read it from, or `env:NAME`.
        state_dir: Control's folder.
        fingerprint: of the dynamic settings; what routers report when they serve them.
        store: what Control keeps its rows in.
    """

    file: Path
    url: str
    router: str
    drain_s: float
    pools: tuple[str, ...]
    models: tuple[PublicModel, ...]
    keys: str | None
    is_open: bool
    admin_url: str
    admin_key: str
    state_dir: Path
    fingerprint: str
    store: StoreSettings = field(default_factory=StoreSettings)


def get_outline(path: Path, environ: Mapping[str, str], tell: Callable[[str], None] | None = None) -> Outline:
    """
    What the file at `path` describes.

    Args:
        path: the cluster file.
        environ: what the switches of Serve's ingress, and secrets, are looked up in.
        tell: called with each warning.

    Raises:
        Refusal: the file has errors; all of them are listed.
    """
    problems = check_file(path, environ)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        listed = "\n".join(f"  {write_problem(problem)}" for problem in errors)
        raise Refusal(f"{path} can't be used:\n{listed}", "", ExitCode.BAD_INPUT)
    if tell is not None:
        for problem in problems:
            tell(f"warning: {write_problem(problem)}")
    return _describe(path.resolve(), load_file(path))


def write_problem(problem: Problem) -> str:
    """A problem in one or two lines: where and what, then the hint."""
    hint = f"\n      hint: {problem.hint}" if problem.hint else ""
    where = ": ".join(part for part in (f"line {problem.line}" if problem.line else "", problem.path) if part)
    return f"{where}: {problem.message}{hint}" if where else f"{problem.message}{hint}"


def _describe(path: Path, cluster: ClusterFile) -> Outline:
    router = next(app for app in cluster.applications if isinstance(app, RouterApplication))
    control = next(app for app in cluster.applications if isinstance(app, ControlApplication))
    auth = router.user_config.auth
    return Outline(
        file=path,
        url=_write_url(router.args),
        router=router.name,
        drain_s=router.args.drain_s,
        pools=tuple(app.name for app in cluster.applications if app not in (router, control)),
        models=tuple(
            PublicModel(model.name, model.operations, all(target.pool for target in model.targets))
            for model in router.user_config.models
        ),
        keys=auth.keys,
        is_open=auth.open_on_loopback,
        admin_url=f"http://127.0.0.1:{control.args.admin_port}",
        admin_key=control.args.admin_key or f"file:{control.args.state_dir / 'admin.key'}",
        state_dir=control.args.state_dir,
        store=control.args.store,
        fingerprint=router.user_config.fingerprint(),
    )


def _write_url(args: RouterArgs) -> str:
    host = ANY_ADDRESS.get(args.host, f"[{args.host}]" if ":" in args.host else args.host)
    return f"{'https' if args.tls else 'http'}://{host}:{args.port}"
