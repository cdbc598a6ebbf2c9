"""
What an import makes of the configs in this folder, and what it's expected to make.

    python -m tests.golden.litellm.making       writes down what it makes now
"""

from collections.abc import Iterator
from pathlib import Path

from turnout.serve.importing.litellm.convert import Imported, convert
from turnout.serve.importing.litellm.including import read_config
from turnout.serve.importing.writing import write_cluster

HERE = Path(__file__).parent
ENVIRON = {"VLLM_BASE": "http://vllm.lan:8000/v1"}
"""Variables that addresses stand in."""


def list_configs() -> Iterator[Path]:
    """The configs of this folder."""
    return (path for path in sorted(HERE.glob("*.yaml")) if not path.name.endswith(".cluster.yaml"))


def make(config: Path) -> Imported:
    """What the import makes of a config."""
    return convert(read_config(config), ENVIRON)


def write(imported: Imported) -> tuple[str, str]:
    """The new file's text, "" where there's none, and the notes, a line each."""
    text = "" if imported.cluster is None else write_cluster(imported.cluster, "")
    lines = (
        f"{note.kind.value}: {note.path}: {note.what}" + (f" ({note.instead})" if note.instead else "")
        for note in imported.notes
    )
    return text, "".join(f"{line}\n" for line in lines)


def name_made(config: Path) -> tuple[Path, Path]:
    """Where the two are written down."""
    return config.with_suffix(".cluster.yaml"), config.with_suffix(".notes.txt")


if __name__ == "__main__":
    for each in list_configs():
        for path, content in zip(name_made(each), write(make(each)), strict=True):
            path.write_text(content, encoding="utf-8")
