"""How a command ends when it can't do what was asked: one sentence, a hint, an exit code."""

import enum


class ExitCode(enum.IntEnum):
    """What the shell sees; the same for every command."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    """A wrong option, argument or cluster file; nothing was started or changed."""
    INTERRUPTED = 130
    """Ctrl-C before the command was done."""


class Refusal(Exception):
    """
    The end of a command that can't go on.

    Attributes:
        message: what is wrong; names the wrong value.
        hint: what to do about it, or "".
        code: what the shell sees.
    """

    def __init__(self, message: str, hint: str = "", code: ExitCode = ExitCode.FAILED, /) -> None:
        super().__init__(message, hint, code)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message
