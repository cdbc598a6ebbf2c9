"""Checks the names of engine arguments, before an engine start of half a minute ends in a traceback."""

import difflib
from collections.abc import Mapping, Set
from typing import Any

RESERVED: Mapping[str, str] = {
    "model": "it's set by `model` of the application",
    "served_model_name": "it's set by `served_name` of the application",
    "host": "the engine's listener is the replica's own; `host` of the application sets its address",
    "port": "the engine's listener is the replica's own, at a free port",
    "api_key": "engines ask for a secret of their own, which routers get by discovery",
    "disable_log_stats": "the load that routers see comes from these statistics",
    "lora_modules": "adapters aren't supported yet",
    "tokens_only": "the router speaks the OpenAI routes",
    "tool_server": "the router doesn't pass on the Responses API",
}
"""Arguments of vLLM that a pool can't set, and why."""


class EngineArgumentError(ValueError):
    """An engine argument that can't be used; the text names it, and says what to do."""


def check_names(engine_kwargs: Mapping[str, Any], known: Set[str]) -> None:
    """
    Refuse arguments that vLLM doesn't have, or that are ours to set.

    Args:
        engine_kwargs: by their Python names, such as `max_model_len`.
        known: every argument of the vLLM installed here.

    Raises:
        EngineArgumentError: with every wrong name, and the closest right one.
    """
    problems = [problem for name in engine_kwargs if (problem := _find_problem(name, known)) is not None]
    if problems:
        raise EngineArgumentError("engine_kwargs: " + "; ".join(problems))


def _find_problem(name: str, known: Set[str]) -> str | None:
    if name in RESERVED:
        return f"{name!r} can't be set: {RESERVED[name]}"
    if name in known:
        return None
    by_python_name = name.lstrip("-").replace("-", "_")
    if by_python_name in known:
        return f"{name!r} is written {by_python_name!r} here"
    close = difflib.get_close_matches(by_python_name, known, n=3)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"vLLM has no argument {name!r}{hint}"
