"""Runs vLLM's engine, with its own OpenAI application, inside this process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from turnout.models.engine.arguments import RESERVED, EngineArgumentError, check_names
from turnout.models.engine.meter import LoadMeter
from turnout.models.target import Load

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",  # models are on disk before an engine starts; nothing is fetched at start-up
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_API_KEY": "",  # one left in a node's environment would lock the router out
}
"""What an engine's process needs in its environment, before Python starts; the user's own settings go above it."""


@dataclass(slots=True)
class _Listener:
    """Stands where vLLM expects its uvicorn server: its error handlers set `should_exit` when the engine has died."""

    should_exit: bool = False


class _Client(Protocol):
    """The part of `vllm.v1.engine.async_llm.AsyncLLM` that's used here."""

    @property
    def errored(self) -> bool: ...
    def get_num_queued_tokens(self) -> int: ...
    def shutdown(self, timeout: float | None = None) -> None: ...


class VllmEngine:
    """
    An open engine and its OpenAI application.

    `open` blocks its thread while vLLM starts its processes and loads the model (25 s on a CPU, minutes for large models), so it belongs on a loop
    that serves nothing yet. It must be a thread that lasts: the engine's processes end with the one that opened them (`lifeline.follow_parent`).

    Attributes:
        app: vLLM's ASGI application.
        served_name: what requests call the model.
        version: vLLM's.
        tasks: what the model can do, in vLLM's words, such as `generate` or `embed`.
        context_tokens: the longest prompt and answer together (`max_model_len`).
        heeds_priority: whether requests are scheduled by their `priority` (`scheduling_policy: priority`).
    """

    def __init__(
        self,
        app: AsgiApp,
        client: _Client,
        meter: LoadMeter,
        *,
        served_name: str,
        version: str,
        tasks: tuple[str, ...],
        context_tokens: int,
        heeds_priority: bool,
    ) -> None:
        self.app = app
        self.served_name = served_name
        self.version = version
        self.tasks = tasks
        self.context_tokens = context_tokens
        self.heeds_priority = heeds_priority
        self._client = client
        self._meter = meter

    @classmethod
    async def open(cls, model: Path, served_name: str, engine_kwargs: Mapping[str, Any]) -> "VllmEngine":
        """
        Start vLLM on a model folder.

        Args:
            model: a folder with safetensors, config and tokenizer.
            served_name: the name that requests use.
            engine_kwargs: arguments of vLLM's engine and of its OpenAI front, by their Python names.

        Raises:
            EngineArgumentError: a name or value that vLLM refuses.
            Exception: anything else of vLLM's, if the engine doesn't start. Its classes need vLLM to be unpickled, so they mustn't leave the process.
        """
        arguments, namespace = _complete(str(model), served_name, engine_kwargs)
        config = _configure(arguments)
        meter = LoadMeter()
        client = _vllm("v1.engine.async_llm").AsyncLLM.from_vllm_config(
            config, stat_loggers=[meter.attach], enable_log_requests=arguments.enable_log_requests
        )
        has_started = False
        try:
            await client.reset_mm_cache()  # waits for the warm-up of multimodal models, as vLLM's own server does
            tasks = tuple(await client.get_supported_tasks())
            app = _vllm("entrypoints.launchers.app").build_app(namespace, tasks, client.model_config)
            app.state.server = _Listener()
            await _vllm("entrypoints.launchers.api_server.app_state").init_app_state(
                client, app.state, namespace, tasks
            )
            has_started = True
        finally:
            if not has_started:
                client.shutdown(timeout=0)
        return cls(
            app,
            client,
            meter,
            served_name=served_name,
            version=f"vllm {_vllm('version').__version__}",
            tasks=tasks,
            context_tokens=int(config.model_config.max_model_len),
            heeds_priority=config.scheduler_config.policy == "priority",
        )

    @property
    def is_alive(self) -> bool:
        """Whether the engine's processes run. Never raises, and never vLLM's own exceptions: they'd import vLLM where they're unpickled."""
        return not self._client.errored

    def load(self) -> Load:
        """The engine's load as of its last step."""
        return self._meter.read(self._client.get_num_queued_tokens())

    async def close(self, within_s: float) -> None:
        """End the engine's processes; requests still running are aborted."""
        await asyncio.to_thread(self._client.shutdown, within_s)


def known_arguments() -> frozenset[str]:
    """The names that `engine_kwargs` may have with the vLLM installed here. Imports vLLM, which takes seconds."""
    return (
        _names(_vllm("engine.arg_utils").AsyncEngineArgs)
        | _names(_vllm("entrypoints.launchers.cli_args").BaseFrontendArgs)
    ) - RESERVED.keys()


def _vllm(module: str) -> Any:
    """A module of vLLM. Imported here, as late as can be: it takes seconds, and only engine processes should pay for it."""
    return import_module(f"vllm.{module}")


def _names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


def _complete(model: str, served_name: str, engine_kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """vLLM's engine arguments, and the namespace (as its command line makes it) that its application reads."""
    check_names(engine_kwargs, known_arguments())
    kind = _vllm("engine.arg_utils").AsyncEngineArgs
    names = _names(kind)
    given = {name: value for name, value in engine_kwargs.items() if name in names}
    try:
        arguments = kind(model=model, served_model_name=[served_name], **given)
    except (TypeError, ValueError) as error:
        raise EngineArgumentError(f"engine_kwargs: vLLM refuses them: {error}") from None
    parser = _vllm("entrypoints.launchers.cli_args").make_arg_parser(
        _vllm("utils.argparse_utils").FlexibleArgumentParser()
    )
    namespace = parser.parse_args([])
    for name, value in engine_kwargs.items():
        setattr(namespace, name, value)
    for name in names:
        setattr(namespace, name, getattr(arguments, name))
    _import_parsers(namespace)
    return arguments, namespace


def _configure(arguments: Any) -> Any:
    usage = _vllm("usage.usage_lib").UsageContext.OPENAI_API_SERVER
    try:
        return arguments.create_engine_config(usage_context=usage)
    except (TypeError, ValueError) as error:
        raise EngineArgumentError(f"engine_kwargs: vLLM refuses them: {error}") from None


def _import_parsers(namespace: Any) -> None:
    """Load the user's own tool and reasoning parsers, as vLLM's server does before it opens the engine."""
    if namespace.tool_parser_plugin:
        _vllm("tool_parsers").ToolParserManager.import_tool_parser(namespace.tool_parser_plugin)
    if namespace.reasoning_parser_plugin:
        _vllm("reasoning").ReasoningParserManager.import_reasoning_parser(namespace.reasoning_parser_plugin)
