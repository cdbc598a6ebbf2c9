"""Models of the Hugging Face hub: they stay in the hub's own cache, which other tools share and which resumes what was interrupted."""

# pyright: reportUnknownVariableType=false
# huggingface_hub names tqdm in its types, which has none.

import sys
from pathlib import Path

import msgspec

from turnout.models.disk.children import Work, ends_within, running
from turnout.models.disk.errors import PullFailed
from turnout.models.disk.files import folder_bytes
from turnout.models.disk.progress import Progress

_WEIGHTS = ["config.json", "*.safetensors"]
# The same weights once more, in formats that vLLM and sentence-transformers don't need beside safetensors.
_NOT_NEEDED = ["*.bin", "*.pth", "*.pt", "*.h5", "*.msgpack", "*.onnx", "*.gguf", "*.ot", "original/*", "openvino/*"]
_MEND = "check the name, the network ($HF_ENDPOINT) and the token ($HF_TOKEN), or give a folder with the model instead"


class Snapshot(msgspec.Struct, frozen=True):
    """
    A hub model at one commit.

    Attributes:
        commit: the full hash.
        licence: as the model's card says, or None.
        size_bytes: of the files that are needed.
        blobs: where the hub's cache keeps them.
    """

    commit: str
    licence: str | None
    size_bytes: int
    blobs: str


def find_snapshot(hub_id: str, commit: str | None, cache: Path | None) -> Path | None:
    """
    The folder of a hub model in the hub's local cache, or None if it isn't there whole; never asks the network.

    Args:
        hub_id: `org/name`.
        commit: None means what `main` was when any tool last fetched it; then only config and weights have to be whole, since some tools fetch
            nothing else.
        cache: the hub's cache; None means where huggingface_hub keeps it.
    """
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - comes with the extras only
        from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        folder = snapshot_download(
            hub_id,
            revision=commit,
            cache_dir=cache,
            local_files_only=True,
            allow_patterns=None if commit else _WEIGHTS,
            ignore_patterns=_NOT_NEEDED,
        )
    except LocalEntryNotFoundError:
        return None
    return Path(folder)


def fetch_snapshot(hub_id: str, cache: Path | None, work: Work) -> Snapshot:
    """
    Download a hub model, at the commit that `main` is now, into the hub's cache; in a child, because its threads don't stop for ctrl-C.

    Args:
        hub_id: `org/name`.
        cache: the hub's cache; None means where huggingface_hub keeps it.
        work: this pull's own.

    Raises:
        PullFailed: no hub can be reached, it doesn't know the model, or it asks for a token or an accepted licence.
    """
    environ = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"} | ({"HF_HUB_CACHE": str(cache)} if cache else {})
    command = [sys.executable, "-m", "turnout.models.disk.hub", hub_id]
    try:
        with running(command, environ, work) as child:
            assert child.stdout is not None
            found = msgspec.json.decode(child.stdout.readline() or "null", type=Snapshot | None)
            while not ends_within(child, 0.2):
                if found is not None:
                    done = min(folder_bytes(Path(found.blobs)), found.size_bytes)
                    work.report(Progress("download", done, found.size_bytes))
    except PullFailed as error:
        raise PullFailed(f"the Hugging Face hub did not give {hub_id!r}: {error}; {_MEND}") from error
    assert found is not None, "a child that ends with 0 has said what it fetched"
    work.report(Progress("download", found.size_bytes, found.size_bytes))
    return found


def main(hub_id: str) -> None:
    """The downloading process: prints a `Snapshot` as a line of JSON when it knows what to fetch, then fetches it."""
    from huggingface_hub import HfApi, constants, snapshot_download  # noqa: PLC0415 - comes with the extras only

    found = HfApi().model_info(hub_id)
    if found.sha is None:
        raise SystemExit(f"the hub names no commit for {hub_id!r}")
    files = snapshot_download(hub_id, revision=found.sha, ignore_patterns=_NOT_NEEDED, dry_run=True)
    licence = found.card_data.license if found.card_data else None
    snapshot = Snapshot(
        commit=found.sha,
        licence=licence if isinstance(licence, str) else None,
        size_bytes=sum(file.file_size or 0 for file in files),
        blobs=str(Path(constants.HF_HUB_CACHE, f"models--{hub_id.replace('/', '--')}", "blobs")),
    )
    print(msgspec.json.encode(snapshot).decode(), flush=True)
    snapshot_download(hub_id, revision=found.sha, ignore_patterns=_NOT_NEEDED)


if __name__ == "__main__":
    main(sys.argv[1])
