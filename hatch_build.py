"""Links the folders under one import package for editable installs; wheels use the `sources` mapping in pyproject.toml."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("models", "router", "serve", "benchmarks", "deployments")


class CustomBuildHook(BuildHookInterface[Any]):
    """Makes `build/editable/turnout/<folder>` point at `<folder>` before an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Link what isn't linked yet; a wheel needs none of it."""
        del build_data
        if version != "editable":
            return
        package = Path(self.root, "build", "editable", "turnout")
        package.mkdir(parents=True, exist_ok=True)
        for folder in FOLDERS:
            link = package / folder
            if not link.is_symlink():
                link.symlink_to(Path("..", "..", "..", folder), target_is_directory=True)
