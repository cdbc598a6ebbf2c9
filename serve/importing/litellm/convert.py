"""A whole config, step by step, into a cluster file that `turnout check` accepts, and the notes of what it lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout.serve.config.cluster import ClusterFile
from turnout.serve.config.document import Document
from turnout.serve.config.dynamic import ModelSettings
from turnout.serve.config.part import Part
from turnout.serve.importing.litellm.advice import tell_unread
from turnout.serve.importing.litellm.deployments import Deployments
from turnout.serve.importing.litellm.gate import read_alerts, read_auth, read_limits
from turnout.serve.importing.litellm.groups import Groups
from turnout.serve.importing.litellm.names import tidy_name
from turnout.serve.importing.litellm.providers import Providers
from turnout.serve.importing.litellm.references import References
from turnout.serve.importing.litellm.routing import read_routing
from turnout.serve.importing.litellm.source import Source
from turnout.serve.importing.notes import Note, Notes

STATE_DIR = "~/.turnout/imported"


@dataclass(frozen=True, slots=True)
class Imported:
    """
    What an import came to.

    Attributes:
        cluster: the new file, or None where no model could be converted.
        notes: all there is to know.
    """

    cluster: ClusterFile | None
    notes: tuple[Note, ...]


def convert(document: Document, environ: Mapping[str, str]) -> Imported:
    """
    The config of `document` as a cluster file.

    Args:
        document: LiteLLM's proxy config, `include`d files and all.
        environ: variables that addresses may stand in; secrets stay variables and are never looked at.
    """
    source, notes = Source(document.content), Notes()
    source.take(source.root, "include")
    references = References(environ, notes)
    providers = Providers(references, notes)
    models = _read_models(source, providers, notes)
    dynamic = {
        "auth": read_auth(source, references, notes),
        "providers": providers.settings,
        "models": models,
        "limits": read_limits(source),
    }
    control = {"state_dir": STATE_DIR, "host": "127.0.0.1", "alerts": read_alerts(source, notes)}
    _ask_for_variables(source, notes)
    tell_unread(source, notes)
    _tell_unpriced(models, source, notes)
    return Imported(_assemble(dynamic, control) if models else None, notes.in_order())


def _read_models(source: Source, providers: Providers, notes: Notes) -> list[ModelSettings]:
    reader = Deployments(source, providers, notes)
    read = [(entry, reader.read(entry)) for entry in source.take(source.root, "model_list").parts()]
    usable = [deployment for _, deployment in read if deployment is not None]
    lost = [entry for entry, deployment in read if deployment is None]
    for entry in lost:
        source.close(entry)
    left_out = {tidy_name(entry.at("model_name").text) for entry in lost} - {""}
    return list(Groups(usable, left_out, read_routing(source, notes), notes).models())


def _assemble(dynamic: Mapping[str, object], control: Mapping[str, object]) -> ClusterFile:
    """The file of a router with these dynamic settings and a Control with these args; what is empty isn't said."""
    said = {key: value for key, value in dynamic.items() if value}
    router = {"host": "127.0.0.1", "port": 8000, "num_cpus": 0.2}
    applications = [
        {"name": "control", "args": {key: value for key, value in control.items() if value}},
        {"name": "router", "args": router, "deployments": [{"name": "Router", "user_config": said}]},
    ]
    for each in applications:
        each |= {"route_prefix": None, "import_path": f"turnout.serve.apps:{each['name']}"}
    return ClusterFile.model_validate({"proxy_location": "Disabled", "applications": applications})


def _tell_unpriced(models: Sequence[ModelSettings], source: Source, notes: Notes) -> None:
    targets = {target.name: target.input_cost_per_token for model in models for target in model.targets}
    unpriced = sum(price is None for price in targets.values())
    if unpriced:
        what = f"the prices of {unpriced} targets aren't in the config; LiteLLM has a table of its own"
        notes.change(source.root, what, "prices: {file: model_prices_and_context_window.json} reads it: docs/prices.md")


def _ask_for_variables(source: Source, notes: Notes) -> None:
    """A cluster file sets no variables of the router; their values may be secrets."""
    part: Part = source.take(source.root, "environment_variables")
    for variable in part.parts():
        notes.ask(
            variable, "variables aren't set by the file", f"set {variable.key} where the router runs, if it's used"
        )
