"""The builders that a cluster file's `import_path` names. Each refuses to build where Ray Serve would put its own ingress in the path."""

import os

from ray import serve

from turnout.serve.config.arguments import (
    ControlArgs,
    EmbedderArgs,
    EngineArgs,
    ProviderArgs,
    RouterArgs,
    ScriptedEngineArgs,
)
from turnout.serve.config.environment import check_environment
from turnout.serve.config.secret import ConfigError

# Each builder imports what it builds: the engine's modules aren't installed everywhere, and Serve builds each application in a process of its own.


def engine(args: EngineArgs) -> serve.Application:
    """A pool of vLLM replicas."""
    _refuse_ingress()
    from turnout.serve.engine import engine_app  # noqa: PLC0415

    return engine_app(args)


def scripted_engine(args: ScriptedEngineArgs) -> serve.Application:
    """A pool of replicas that answer by a script, for trials without a model."""
    _refuse_ingress()
    from turnout.serve.scripted import scripted_engine_app  # noqa: PLC0415

    return scripted_engine_app(args)


def embedder(args: EmbedderArgs) -> serve.Application:
    """A pool of sentence-embedding replicas."""
    _refuse_ingress()
    from turnout.serve.embedder import embedder_app  # noqa: PLC0415

    return embedder_app(args)


def control(args: ControlArgs) -> serve.Application:
    """The one writer: ledger, audit, admin changes."""
    _refuse_ingress()
    from turnout.serve.control.deployment import control_app  # noqa: PLC0415

    return control_app(args)


def router(args: RouterArgs) -> serve.Application:
    """The route that clients use; its dynamic settings are the `user_config` of its deployment `Router`."""
    _refuse_ingress()
    from turnout.serve.options import deployment_options  # noqa: PLC0415
    from turnout.serve.router import Router  # noqa: PLC0415

    return serve.deployment(Router).options(name="Router", **deployment_options(args, {})).bind(args)


def provider(args: ProviderArgs) -> serve.Application:
    """A remote provider behind a deployment of its own."""
    _refuse_ingress()
    from turnout.serve.provider import provider_app  # noqa: PLC0415

    return provider_app(args)


def _refuse_ingress() -> None:
    problems = check_environment(os.environ)
    if problems:
        raise ConfigError("; ".join(f"{problem.message} ({problem.hint})" for problem in problems))
