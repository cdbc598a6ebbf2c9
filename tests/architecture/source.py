"""The project's own files, read once, for tests that look at all of them."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("models", "router", "serve")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path below the root, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of everything that is imported, inside functions too; `from a import b` counts as `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module or ''}.{alias.name}") for alias in node.names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function, methods and inner ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


@cache
def tracked_texts() -> dict[Path, str]:
    """Every tracked text file by its path below the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    texts: dict[Path, str] = {}
    for name in filter(None, listed.split("\0")):
        try:
            texts[Path(name)] = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
    return texts


@cache
def modules() -> list[Module]:
    """Every tracked Python file."""
    return [Module(path, text, ast.parse(text)) for path, text in tracked_texts().items() if path.suffix == ".py"]


def layer_modules() -> list[Module]:
    """The Python files of models/, router/ and serve/."""
    return [module for module in modules() if module.path.parts[0] in LAYERS]
