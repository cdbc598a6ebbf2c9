"""The entry point `turnout`: knows every command by name and imports only the one that is asked for."""

import sys
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from types import MappingProxyType, TracebackType
from typing import Any

import typer
from typer.core import TyperGroup

from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import warn

COMMANDS = MappingProxyType(
    {
        "up": "Start the cluster that a file describes, and stay until ctrl-C.",
        "down": "Stop what `turnout up` started on this machine, letting streams finish.",
        "apply": "Change a running cluster to what its file says now.",
        "check": "List every problem of a cluster file.",
        "import": "Make a cluster file of another gateway's config.",
        "status": "Show routers, pools, targets and the config they run.",
        "targets": "Take targets out of rotation and back, and change their weights.",
        "keys": "Make, show, change and block the keys that clients send.",
        "orgs": "Make, show and change organisations, which pay for what their teams, users and keys use.",
        "teams": "Make, show and change teams, which bound what their users and keys may.",
        "users": "Make, show and change users, whose role says what they may do here.",
        "budget": "See what budgets have left, and begin their windows anew.",
        "cache": "Make routers forget answers that they keep.",
        "spend": "See what was spent, by whom and on what.",
        "audit": "See and export the audit log, and verify that it's what was written.",
        "explain": "Show why a request went where it did, and what came of it.",
        "decisions": "List and export the sample of decisions that Control keeps.",
        "replay": "Say what another cluster file would change in cost, in answers that are in time, and in who answers.",
        "tune": "Propose strategies from recorded decisions, and say what to expect of them.",
        "chat": "Talk to a model through the gateway.",
        "routes": "Fit and show what auto models choose by.",
        "models": "Fetch models and list those on this machine.",
        "mock": "Run a scripted provider on loopback, to try routing and faults for free.",
        "bench": "Run a benchmark against a gateway.",
        "version": "Show the versions of Turnout and of what it runs on.",
    }
)
EPILOG = """\b
First steps:
  turnout check deployments/local.yaml
  turnout up deployments/local.yaml

Exit codes: 0 done, 1 failed, 2 wrong use or config, 130 interrupted."""


class Commands(TyperGroup):
    """
    The group of all commands, each imported when it runs.

    Importing all of them for `turnout --help` would take seconds; the help of the group therefore shows `COMMANDS` alone.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click's signature, here and below
        """The names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command called `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = typer.main.get_command(import_module(f"turnout.serve.cli.commands.{module}").app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` begin with; a name that isn't one is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `turnout {near[0]}`?" if near else "`turnout --help` lists the commands"
            raise Refusal(f"there is no command {args[0]!r}", hint, ExitCode.BAD_INPUT)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a Refusal becomes its text and exit code, ctrl-C the exit code of an interrupt."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            warn(f"error: {refusal}", style="red")
            raise typer.Exit(refusal.code) from None
        except KeyboardInterrupt:
            warn("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


app = typer.Typer(
    name="turnout",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(epilog=EPILOG)
def turnout() -> None:
    """One OpenAI-compatible route over local vLLM replicas and remote providers, on Ray Serve."""


def main() -> None:
    """Run the command line; the process ends with an `ExitCode`."""
    sys.excepthook = _report_defect
    app()


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in one line what a defect of ours did; `python -X dev` shows where."""
    if sys.flags.dev_mode:
        sys.__excepthook__(kind, error, trace)
        return
    warn(
        f"error: {kind.__name__}: {error}\n  hint: a defect of Turnout; `python -X dev -m turnout.serve.cli.main …` shows where",
        style="red",
    )


if __name__ == "__main__":
    main()
