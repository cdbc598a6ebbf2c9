"""Writes a cluster file as YAML: what was said and nothing else, in the order of the classes that read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from turnout.serve.config.cluster import ClusterFile

_SETS = ("operations", "capabilities", "tasks")
_PRICES = ("input_cost_per_token", "output_cost_per_token", "cache_read_cost_per_token")


class _Price(str):
    """A decimal that is written without quotes."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as the files in `deployments/` do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # PyYAML's signature
        """Never without an indent."""
        super().increase_indent(flow, indentless=False)


_Dumper.add_representer(_Price, lambda dumper, price: dumper.represent_scalar("tag:yaml.org,2002:float", str(price)))


def write_cluster(cluster: ClusterFile, head: str) -> str:
    """
    The file's text.

    Args:
        head: what the comment at its beginning says, line by line.
    """
    content = _tidy(cluster.model_dump(mode="json", exclude_unset=True))
    comment = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    return comment + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


def _tidy(content: Any, key: str = "") -> Any:
    """Settings as people write them: sets in order, prices as numbers, their home as `~`."""
    if isinstance(content, Mapping):
        return {
            name: _tidy(value, name)
            for name, value in content.items()
            if value is not None or name in ("route_prefix", "breaker")
        }
    if isinstance(content, list):
        return [_tidy(each) for each in (sorted(content) if key in _SETS else content)]
    if key in _PRICES and content is not None:
        return _Price(content)
    if key == "state_dir":
        return str(content).replace(str(Path.home()), "~", 1)
    return int(content) if isinstance(content, float) and content.is_integer() else content
