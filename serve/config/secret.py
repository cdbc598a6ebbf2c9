"""Secrets by reference, read in the process that needs them."""

from collections.abc import Mapping

from turnout.serve.config.fields import expand_home

THIS_MACHINE = "this machine"
"""Stands for the node where there's no Ray yet."""


class ConfigError(Exception):
    """Settings that can't be used here; the text says what to mend and never holds a secret."""


def is_reference(value: str) -> bool:
    """Whether `value` says where a secret is."""
    return value.startswith(("env:", "file:"))


class Secrets:
    """Reads `env:NAME` and `file:PATH` on one node, and names that node when it can't."""

    def __init__(self, environ: Mapping[str, str], node: str) -> None:
        self._environ = environ
        self._place = node if node == THIS_MACHINE else f"node {node}"

    def __repr__(self) -> str:
        return f"Secrets({self._place!r})"

    def read(self, reference: str) -> str:
        """
        The secret behind `reference`, without blanks around it.

        Raises:
            ConfigError: it isn't there or is empty.
        """
        source, _, name = reference.partition(":")
        if source == "env":
            value = self._environ.get(name)
            if value is None:
                raise self.refuse(f"the environment variable {name} isn't set")
        else:
            try:
                value = expand_home(name).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise self.refuse(f"the file {name!r} can't be read: {type(error).__name__}") from error
        value = value.strip()
        if not value:
            raise self.refuse(f"{reference} is empty")
        return value

    def resolve(self, value: str) -> str:
        """`value` itself, or the secret if it's a reference."""
        return self.read_line(value) if is_reference(value) else value

    def read_line(self, reference: str) -> str:
        """The secret behind `reference`, as a header can carry it; raises as `read` does."""
        value = self.read(reference)
        if not value.isascii() or not value.isprintable():
            raise self.refuse(f"{reference} has characters that a header can't carry")
        return value

    def refuse(self, problem: str) -> ConfigError:
        """The error that says `problem` and where."""
        return ConfigError(f"{problem} on {self._place}")
