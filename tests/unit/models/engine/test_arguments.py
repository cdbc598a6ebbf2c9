"""Engine arguments are refused by name, with a hint."""

import pytest

from turnout.models.engine.arguments import EngineArgumentError, check_names

KNOWN = frozenset({"dtype", "max_model_len", "tensor_parallel_size", "gpu_memory_utilization", "enforce_eager"})


def test_accepts_what_vllm_knows():
    assert check_names({"dtype": "bfloat16", "max_model_len": 2048}, KNOWN) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("max_model_length", "did you mean 'max_model_len'"),
        ("tensor_parallel", "'tensor_parallel_size'"),
        ("max-model-len", "'max-model-len' is written 'max_model_len' here"),
        ("--enforce-eager", "is written 'enforce_eager' here"),
        ("zzz", "vLLM has no argument 'zzz'"),
        ("model", "'model' can't be set: it's set by `model` of the application"),
        ("port", "at a free port"),
        ("api_key", "which routers get by discovery"),
    ],
)
def test_names_the_wrong_argument_and_the_mend(name, said):
    with pytest.raises(EngineArgumentError) as caught:
        check_names({name: 1}, KNOWN)
    assert said in str(caught.value)


def test_tells_every_problem_at_once():
    with pytest.raises(EngineArgumentError, match=r"'dtyp'.*'port'"):
        check_names({"dtyp": 1, "dtype": "auto", "port": 1}, KNOWN)
