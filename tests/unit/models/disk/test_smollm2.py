"""What `turnout models pull smollm2` left on this machine is what vLLM needs."""

import json
from pathlib import Path

import pytest

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

pytestmark = pytest.mark.vllm


@pytest.fixture
def folder() -> Path:
    try:
        return find("smollm2")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))


def test_the_weights_are_bfloat16_safetensors(folder: Path) -> None:
    with (folder / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert {tensor["dtype"] for name, tensor in header.items() if name != "__metadata__"} == {"BF16"}


def test_the_chat_template_came_along(folder: Path) -> None:
    assert "<|im_start|>" in (folder / "chat_template.jinja").read_text()


def test_the_end_of_a_turn_ends_the_answer(folder: Path) -> None:
    tokens = {t["content"]: t["id"] for t in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]}
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == tokens["<|im_end|>"]


def test_nothing_is_left_that_says_quantised(folder: Path) -> None:
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
