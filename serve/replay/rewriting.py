"""Puts strategies into a cluster file's text, and leaves all else in it as it is, comments too."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from turnout.router.catalogue import Routing


class _Edit(NamedTuple):
    begin: int
    end: int
    text: str


def rewrite(text: str, changes: Mapping[str, Routing]) -> str:
    """
    The text with these models' strategies.

    Args:
        text: of a cluster file that has no errors.
        changes: by public name.

    Raises:
        ValueError: a model isn't there.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        raise ValueError("the file is empty")
    models = {name: node for node in _find_models(root) if (name := _read_name(node)) in changes}
    missing = sorted(changes.keys() - models.keys())
    if missing:
        raise ValueError(f"the file has no model {missing[0]!r} of its own")
    edits = [edit for name, node in models.items() if name for edit in _edit_model(text, node, changes[name])]
    for edit in sorted(edits, reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


def _edit_model(text: str, model: yaml.MappingNode, routing: Routing) -> Iterator[_Edit]:
    yield _set(text, model, "strategy", _write_strategy(routing))
    if routing.strategy[0][0] == "balanced" and len(routing.strategy) == 1:
        balanced = _find(model, "balanced")
        if isinstance(balanced, yaml.MappingNode) and balanced.value:
            yield _set(text, balanced, "usd", f"{routing.weights.usd:g}")
        else:
            yield _set(text, model, "balanced", f"{{usd: {routing.weights.usd:g}}}")


def _write_strategy(routing: Routing) -> str:
    if len(routing.strategy) == 1:
        return routing.strategy[0][0]
    return "{" + ", ".join(f"{name}: {weight:g}" for name, weight in routing.strategy) + "}"


def _set(text: str, mapping: yaml.MappingNode, key: str, value: str) -> _Edit:
    """The edit that gives `key` this value: in place, or as a further key behind the first."""
    known = _find(mapping, key)
    if known is not None:
        end = known.end_mark.index
        if isinstance(known, yaml.CollectionNode) and not known.flow_style:
            end = _last_end(known)
        return _Edit(known.start_mark.index, end, value)
    first_key, first_value = mapping.value[0]
    end = _last_end(first_value)
    if mapping.flow_style:
        return _Edit(end, end, f", {key}: {value}")
    # Behind a comment on that line, if there's one.
    line_end = text.find("\n", end)
    end = len(text) if line_end < 0 else line_end
    return _Edit(end, end, f"\n{' ' * first_key.start_mark.column}{key}: {value}")


def _last_end(node: yaml.Node) -> int:
    """Where the node's own text ends; a block's mark lies on the line after it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_end(node.value[-1])
    return int(node.end_mark.index)


def _find_models(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Entries of every `user_config.models` in the file."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _find_models(each)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "user_config" and isinstance(value, yaml.MappingNode):
                listed = _find(value, "models")
                if isinstance(listed, yaml.SequenceNode):
                    yield from (each for each in listed.value if isinstance(each, yaml.MappingNode))
            else:
                yield from _find_models(value)


def _read_name(model: yaml.MappingNode) -> str | None:
    node = _find(model, "name")
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _find(mapping: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for name, value in mapping.value if name.value == key), None)
