"""The Serve deployment of an engine pool without a model: a mock behind the listener and the wrappers of a real engine."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from ray import serve

from turnout.models.target import Load
from turnout.serve.config.arguments import ScriptedEngineArgs
from turnout.serve.config.secret import ConfigError
from turnout.serve.front import with_load, with_token_comments
from turnout.serve.listener import PrivateListener
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import MockScript, load_script
from turnout.serve.options import deployment_options
from turnout.serve.scaling import IN_FLIGHT


class ScriptedEngine:
    """
    One replica of a scripted pool. To routers it's an engine: it tells its load, gives token ids to those who ask, and goes on from another one's.

    The mock's own routes (`/_mock/...`) are there too, behind the listener's secret like all others, so that a trial can change the script of one
    replica while it runs.
    """

    async def __init__(self, args: ScriptedEngineArgs) -> None:
        self._args = args
        self._is_draining = False
        self._served_name = args.served_name or serve.get_replica_context().app_name
        script = read_script(args, self._served_name)
        model = script.find(self._served_name)
        self._context_tokens = model.context_tokens if model else None
        handler = with_load(with_token_comments(MockProvider(script)), self.load)
        self._listener = PrivateListener(handler, args.host)
        await self._listener.open()

    def load(self) -> Load:
        """Every request in flight counts as running: a script has no queue."""
        return Load(self._listener.in_flight, 0, 0.0, 0)

    def record_replica_metadata(self) -> dict[str, Any]:
        """Where routers reach this replica; Serve asks once."""
        return self._listener.metadata(self._served_name, f"scripted {version('turnout')}", self._context_tokens)

    def record_routing_stats(self) -> dict[str, float]:
        """The load; Serve passes it on with the list of replicas."""
        return asdict(self.load())

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Requests in flight, for `turnout.serve.scaling`."""
        return {IN_FLIGHT: float(self._listener.in_flight)}

    def check_health(self) -> None:
        """
        Tell Serve whether this replica can answer.

        Raises:
            RuntimeError: the listener is gone.
        """
        if not self._is_draining:
            self._listener.check()

    async def __del__(self) -> None:
        """Finish what is in flight. Serve awaits this once, when the replica is stopped."""
        self._is_draining = True
        await self._listener.drain(self._args.drain_s)


def read_script(args: ScriptedEngineArgs, served_name: str) -> MockScript:
    """
    The script that `args` has or names.

    Raises:
        ConfigError: the file can't be read or is no script, or the script has nothing for `served_name`.
    """
    try:
        script = args.script if isinstance(args.script, MockScript) else load_script(args.script)
    except (OSError, ValueError) as error:
        raise ConfigError(f"args.script: {error}") from None  # pydantic's errors don't survive the way out of a replica
    if script.find(served_name) is None:
        raise ConfigError(f"args.script has no model {served_name!r}; write it, or '*' for any, under models")
    return script


def scripted_engine_app(args: ScriptedEngineArgs) -> serve.Application:
    """The Serve application of a scripted pool; its deployment is called as an engine's, by which routers find it."""
    return serve.deployment(ScriptedEngine).options(name="Engine", **deployment_options(args, {})).bind(args)
