"""One thing wrong with a cluster file, and how pydantic's errors become such things."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from turnout.serve.config.schema_keys import known_keys

Location = tuple[str | int, ...]
Severity = Literal["error", "warning"]

_HINTS = {
    "target_ongoing_requests": "our listeners aren't counted by Serve; use args.target_in_flight",
    "max_ongoing_requests": "our listeners aren't counted by Serve; the model's max_in_flight and max_waiting limit requests",
    "max_queued_requests": "our listeners aren't counted by Serve; use the model's max_waiting",
    "num_replicas": "use args.replicas: {min, max}",
    "autoscaling_config": "Serve would replace our scaling policy with it; use args.replicas, target_in_flight, upscale_delay_s, downscale_delay_s",
    "ray_actor_options": "Serve would replace what args set with it; use args.num_cpus, num_gpus, resources, label_selector, accelerator_type",
    "graceful_shutdown_timeout_s": "use args.drain_s; Serve's time-out follows from it",
    "graceful_shutdown_wait_loop_s": "use args.drain_s",
    "max_replicas_per_node": "use args.max_replicas_per_node",
    "user_config": "only the Router has one; other settings are static and belong in args",
    "autoscaling_policy": "use args.target_in_flight",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing to mend.

    Attributes:
        path: where, such as `applications[3].deployments[0].user_config.models[0].targets[1].pool`; empty for the file as a whole.
        message: what is wrong; never holds a secret.
        hint: how to mend it, or "".
        severity: an `error` keeps the file from being used; a `warning` may be right on another node.
        line: in the file, from 1; None where there's no file.
    """

    path: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    line: int | None = None

    def __str__(self) -> str:
        place = ":".join(part for part in (f"line {self.line}" if self.line else "", self.path) if part)
        return f"{self.severity}: {place}{': ' if place else ''}{self.message}" + (
            f" ({self.hint})" if self.hint else ""
        )


Found = Iterator[tuple[Location, Problem]]


def write_path(location: Sequence[str | int]) -> str:
    """`("applications", 3, "args")` as `applications[3].args`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.replace("_", "").replace("-", "").isalnum():
            path += f".{step}" if path else step
        else:
            path += f"[{step!r}]"
    return path


def suggest(word: str, known: Sequence[str]) -> str:
    """A hint at the name that was probably meant; else all of them if they are few."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if 0 < len(known) <= 24 else ""


def explain_errors(errors: Sequence[ErrorDetails], schema: type[BaseModel]) -> list[tuple[Location, Problem]]:
    """Pydantic's errors as problems, each with its place in the file (union tags, which aren't in the file, taken out)."""
    return [_explain(error, schema) for error in errors if not _is_echo(error, errors)]


def _is_echo(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Pydantic calls a list too short when its only item is wrong; the item's error says it better."""
    depth = len(error["loc"])
    return error["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == error["loc"] for other in errors
    )


def _explain(error: ErrorDetails, schema: type[BaseModel]) -> tuple[Location, Problem]:
    location = tuple(step for step in error["loc"] if not (isinstance(step, str) and step.startswith("<")))
    location = tuple(step for step in location if step != "[key]")
    path = write_path(location)
    key = str(location[-1]) if location else ""
    match error["type"]:
        case "extra_forbidden":
            return location, Problem(
                path, f"unknown key {key!r}", _HINTS.get(key) or suggest(key, known_keys(schema, error["loc"][:-1]))
            )
        case "missing":
            return location, Problem(path, f"{key} is missing", _missing_hint(key))
        case "union_tag_not_found" | "union_tag_invalid":
            return (*location, "import_path"), Problem(
                f"{path}.import_path", "no builder of Turnout", _builder_hint(error.get("input"))
            )
        case "none_required" if key == "route_prefix":
            return location, Problem(
                path,
                "route_prefix would publish this application through Serve's own ingress",
                "write route_prefix: null",
            )
        case "literal_error" if key == "proxy_location":
            hint = "write proxy_location: Disabled"
            return location, Problem(
                path, "Serve's own proxy would be put in the path; the router has its own listener", hint
            )
        case "literal_error" if key == "name":
            return location, Problem(path, f"no such deployment; should be {_context(error).get('expected', '')}")
        case "value_error":
            return location, Problem(path, str(_context(error).get("error", error["msg"])))
    return location, Problem(path, error["msg"][:1].lower() + error["msg"][1:])


def _context(error: ErrorDetails) -> Mapping[str, Any]:
    return error.get("ctx", {})


def _missing_hint(key: str) -> str:
    return {
        "proxy_location": "write proxy_location: Disabled; Serve starts its own proxy otherwise",
        "route_prefix": "write route_prefix: null; Serve publishes the application at / otherwise",
        "user_config": "who may ask (auth) and what there is (models)",
        "deployments": "the router needs one, named Router, with its user_config",
    }.get(key, "")


def _builder_hint(application: object) -> str:
    kinds = ("engine", "scripted_engine", "embedder", "control", "router", "provider")
    builders = [f"turnout.serve.apps:{kind}" for kind in kinds]
    path = application.get("import_path") if isinstance(application, Mapping) else None
    return suggest(str(path), builders) if path else f"import_path is one of {', '.join(builders)}"
