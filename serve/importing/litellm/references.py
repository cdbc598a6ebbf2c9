"""Secrets and addresses of a config: variables by their names, and names for those that are written out."""

import re
from collections.abc import Mapping

from turnout.serve.config.part import Part
from turnout.serve.importing.litellm.source import ENVIRONMENT
from turnout.serve.importing.notes import Notes

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_SHELL = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_NO_KEY = frozenset(
    {"", "none", "null", "na", "n/a", "empty", "dummy", "fake", "anything", "fake-key", "not-needed", "no-key"}
)
"""What people write where a server needs no key and a client library wants one."""


def find_variable(text: str) -> str | None:
    """The environment variable that a value stands for: `os.environ/NAME`, or `${NAME}` as templates have it; None for a value of its own."""
    if text.startswith(ENVIRONMENT):
        name = text.removeprefix(ENVIRONMENT)
        return name if _VARIABLE.fullmatch(name) else None
    found = _IN_SHELL.fullmatch(text)
    return found[1] if found else None


class References:
    """
    Owner of the names that written-out secrets get: the same secret has one name, another has another, and none is ever shown.

    Attributes:
        environ: variables of the process that imports, for addresses that stand in variables.
    """

    def __init__(self, environ: Mapping[str, str], notes: Notes) -> None:
        self.environ = environ
        self._notes = notes
        self._names: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"References({', '.join(self._names.values())})"

    def name_secret(self, part: Part, suggested: str) -> str | None:
        """
        Where the secret at `part` will be read, as `env:NAME`; None where it's a placeholder for none.

        Args:
            part: the secret, or the variable that has it.
            suggested: the variable's name if the secret itself is written there.
        """
        text = part.text or ("" if part.content is None else str(part.content))
        variable = find_variable(text)
        if variable is not None:
            return f"env:{variable}"
        if text.lower() in _NO_KEY:
            return None
        name = self._name_literal(text, suggested)
        self._notes.ask(
            part,
            f"a secret stands here by itself; the new file has env:{name}",
            f"put it into the environment variable {name} where the router runs",
        )
        return f"env:{name}"

    def find_text(self, part: Part) -> str | None:
        """A value that the new file holds by itself, such as an address; None where it stands in a variable that isn't set here."""
        variable = find_variable(part.text)
        if variable is None:
            return part.text or None
        value = self.environ.get(variable)
        if not value:
            self._notes.leave_out(
                part,
                f"the address stands in the environment variable {variable}, which isn't set here",
                f"import again with {variable} set: a cluster file has addresses in it",
            )
            return None
        self._notes.change(part, f"the address of {variable} is written into the file as it is here now")
        return value

    def _name_literal(self, secret: str, suggested: str) -> str:
        if secret not in self._names:
            taken, name, number = set(self._names.values()), suggested, 2
            while name in taken:
                name, number = f"{suggested}_{number}", number + 1
            self._names[secret] = name
        return self._names[secret]
