"""`turnout mock`: a scripted OpenAI-compatible provider on loopback, to try routing and faults without a model or a bill."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from turnout.serve.cli.command import new_app
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import say
from turnout.serve.mock.script import Fault, Latency, MockScript, ModelScript, Text, load_script
from turnout.serve.mock.server import MockConfig, serve_mock

app = new_app()

EPILOG = """\b
Examples:
  turnout mock
  turnout mock --port 9000 --model gpt-4o-mini --ttft-s 0.3 --tokens-per-s 50 --tokens 200
  turnout mock --fail 503 --fail-share 0.3           # three of ten requests fail
  turnout mock faults.yaml

\b
A script, such as faults.yaml:
  models:
    good:  {text: {kind: echo}, latency: {ttft_s: 0.2, tokens_per_s: 40}}
    shaky: {faults: [{do: cut, after_tokens: 20, every: 3}, {do: status, status: 429, retry_after_s: 2, share: 0.1}]}
Point a provider of a cluster file at it: {base_url: "http://127.0.0.1:9000/v1"}. Ctrl-C stops it.

\b
Exit codes: 0 stopped, 1 the port is taken, 2 a wrong script or option."""


@app.command(epilog=EPILOG)
def mock(
    script: Annotated[
        Path | None, typer.Argument(help="A YAML or JSON file; instead of the options about answers.")
    ] = None,
    *,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 0,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model's name; may be given again. Any name is answered unless said."),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="What it says; it says back what it hears unless said.")
    ] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=0, help="Length of an answer.")] = None,
    ttft_s: Annotated[float, typer.Option("--ttft-s", min=0, help="Seconds to the first token.")] = 0.0,
    tokens_per_s: Annotated[float | None, typer.Option("--tokens-per-s", min=0.001, help="Pace after it.")] = None,
    fail: Annotated[
        int | None, typer.Option("--fail", min=400, max=599, help="Answer with this status instead.")
    ] = None,
    fail_share: Annotated[float, typer.Option("--fail-share", min=0, max=1, help="To this share of requests.")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
) -> None:
    """Run a scripted provider on loopback, to try routing and faults for free."""
    if script is None:
        said = (
            Text(kind="fixed", values=(text,), tokens=tokens) if text is not None else Text(kind="echo", tokens=tokens)
        )
        faults = (Fault(do="status", status=fail, share=fail_share),) if fail else ()
        model = ModelScript(latency=Latency(ttft_s=ttft_s, tokens_per_s=tokens_per_s), text=said, faults=faults)
        chosen = MockScript(seed=seed, models=dict.fromkeys(models or ["*"], model))
    else:
        chosen = _load(script)
    try:
        serve_mock(MockConfig(script=chosen, port=port), _greet)
    except OSError as error:
        raise Refusal(f"port {port} can't be listened on: {error}", "--port 0 takes a free one") from error


def _load(path: Path) -> MockScript:
    try:
        return load_script(path)
    except ValidationError as error:
        problems = (f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Refusal(
            f"{path} isn't a script:\n" + "\n".join(problems), "`turnout mock --help` has one", ExitCode.BAD_INPUT
        ) from error
    except (OSError, ValueError) as error:
        raise Refusal(str(error), "", ExitCode.BAD_INPUT) from error


def _greet(host: str, port: int) -> None:
    say(f"a scripted provider answers at http://{host}:{port}/v1; ctrl-C stops it")
