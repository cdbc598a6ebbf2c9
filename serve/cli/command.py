"""How every command's typer application is made, so that help looks the same everywhere."""

import typer


def new_app(*, no_args_is_help: bool = False) -> typer.Typer:
    """An application for one module of `turnout.serve.cli.commands`: plain help, `-h`, no completion switches."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        no_args_is_help=no_args_is_help,
    )
