"""`turnout routes`: fits and shows what `auto` models choose by."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from turnout.models.disk.errors import DiskError
from turnout.models.disk.store import find
from turnout.models.embedding.fingerprint import fingerprint
from turnout.models.embedding.sentence import SentenceEmbedder
from turnout.router.quality import lexical
from turnout.router.quality.assess import cross_validate
from turnout.router.quality.file import BadPredictorFile, load, save
from turnout.router.quality.fit import Label, Table, gather
from turnout.router.quality.fit import fit as fit_predictor
from turnout.serve.cli.command import new_app
from turnout.serve.cli.fit_report import describe, list_doubts
from turnout.serve.cli.labels import read_labels
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import align, count, say, warn

app = new_app(no_args_is_help=True)

_BATCH = 32

FIT_EPILOG = """\b
A line of labels.jsonl is one judged answer; score is 0 to 1:
  {"prompt": "What is 2 + 2?", "model": "small", "score": 1}
  {"prompt": "What is 2 + 2?", "model": "large", "score": 1, "weight": 2, "cost_usd": 0.0004}

\b
Examples:
  turnout routes fit --data labels.jsonl --out quality.npz
  turnout routes fit --data labels.jsonl --out quality.npz --folds 10 --embedder minilm

\b
The file holds neither prompts nor their embeddings. Everything is done on this machine."""
SHOW_EPILOG = """\b
Example:
  turnout routes show quality.npz"""


@app.callback()
def routes() -> None:
    """Fit and show what auto models choose by."""


@app.command(epilog=FIT_EPILOG)
def fit(
    data: Annotated[Path, typer.Option("--data", help="Judged answers, a JSON object a line.", dir_okay=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", dir_okay=False)],
    folds: Annotated[int, typer.Option("--folds", min=2, max=50, help="To judge the fit by.")] = 5,
    embedder: Annotated[str, typer.Option("--embedder", help="A pulled name or a folder.")] = "minilm",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of folds and clusters.")] = 1,
) -> None:
    """Fit a quality predictor to labels, and say how good it is on prompts that it hasn't seen."""
    file = read_labels(data)
    if not out.parent.is_dir():
        raise Refusal(f"there is no folder {str(out.parent)!r}", "make it, or choose another --out", ExitCode.BAD_INPUT)
    try:
        folder = find(embedder)
    except DiskError as error:
        raise Refusal(str(error), "", ExitCode.FAILED) from error
    table, name = _tabulate(file.labels, folder), fingerprint(folder)
    held_out = cross_validate(table, min(folds, len(table.scores)), {}, name, np.random.default_rng(seed))
    for line in describe(table, held_out, file.costs_usd):
        say(line)
    for doubt in list_doubts(table, file.costs_usd):
        warn(f"note: {doubt}")
    save(fit_predictor(table, {}, name, np.random.default_rng(seed)), out)
    say(f"\nwrote {out} ({out.stat().st_size / 1000:.0f} kB)")


@app.command(epilog=SHOW_EPILOG)
def show(file: Annotated[Path, typer.Argument(help="A file of `turnout routes fit`.", dir_okay=False)]) -> None:
    """Show what a fitted predictor knows about."""
    try:
        predictor = load(file)
    except (BadPredictorFile, OSError) as error:
        raise Refusal(str(error), "", ExitCode.BAD_INPUT) from error
    say(f"embedder: {predictor.embedder}, {count(predictor.dimensions, 'dimension')}")
    usual = predictor.predict(predictor.design.mean)
    rows = zip(predictor.models, predictor.labels, usual, strict=True)
    table = [(model, f"{labels:g}", f"{quality:.3f}") for model, labels, quality in rows]
    for line in align([("model", "labels", "quality for a usual prompt"), *table]):
        say(line)


def _tabulate(labels: tuple[Label, ...], folder: Path) -> Table:
    prompts, models, scores, weights = gather(labels)
    warn(f"embedding {count(len(prompts), 'prompt')}", style="dim")
    signals = np.array([lexical.read(prompt) for prompt in prompts])
    return Table(models, signals, _embed(prompts, SentenceEmbedder(folder, threads=2)), scores, weights)


def _embed(prompts: list[str], model: SentenceEmbedder) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """By length, so that a batch has little padding."""
    tokens = [each[: model.max_tokens] for each in model.tokenize(prompts)]
    order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
    vectors = np.empty((len(tokens), model.dimensions), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        vectors[rows] = model.embed([tokens[at] for at in rows])
    return vectors
