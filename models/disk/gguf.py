"""Turns a GGUF file into a safetensors folder, in a process of its own: it takes 1 GB of memory and half a minute."""

# pyright: reportUnknownMemberType=false
# transformers types its loaders by halves.

import importlib.util
import sys
from pathlib import Path

from turnout.models.disk.children import Work, running
from turnout.models.disk.errors import PullFailed
from turnout.models.disk.progress import Progress

_STEPS = 4
_STEP = "step "
_NEEDS = ("torch", "transformers", "gguf", "accelerate")


def check_converter() -> None:
    """Raise PullFailed if the packages that convert aren't installed; to be asked before a download."""
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise PullFailed(
            f"converting this model needs {', '.join(missing)}: install Turnout's extra 'cpu' or 'gpu' (README, set-up)"
        )


def convert(file: Path, into: Path, work: Work) -> None:
    """
    Write a folder that vLLM and transformers load: bfloat16 safetensors, tokenizer, chat template.

    Reports four steps: packages imported, weights read, weights written, tokenizer written.

    Args:
        file: the GGUF file.
        into: the folder to write, which is made.
        work: this pull's own.

    Raises:
        PullFailed: with the end of what the converter said.
    """
    command = [sys.executable, "-m", "turnout.models.disk.gguf", str(file), str(into)]
    work.report(Progress("convert", 0, _STEPS, "steps"))
    try:
        with running(command, {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}, work) as converter:
            assert converter.stdout is not None
            for line in converter.stdout:
                if line.startswith(_STEP):
                    work.report(Progress("convert", int(line.removeprefix(_STEP)), _STEPS, "steps"))
            converter.wait()
    except PullFailed as error:
        raise PullFailed(f"{file.name} could not be converted to safetensors: {error}") from error


def main(source: Path, into: Path) -> None:
    """The converter process: prints `step N` after each step."""
    import torch  # noqa: PLC0415 - heavy, and the parent must not pay for it
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    print(f"{_STEP}1", flush=True)
    model = AutoModelForCausalLM.from_pretrained(
        str(source.parent),
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    print(f"{_STEP}2", flush=True)
    model.save_pretrained(str(into))
    print(f"{_STEP}3", flush=True)
    # The tokenizer lies in the GGUF file too, and its chat template with it.
    AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name).save_pretrained(str(into))
    print(f"{_STEP}4", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
