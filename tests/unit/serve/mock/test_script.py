"""Scripts as files, when faults apply, and what the header may change."""

from pathlib import Path

import pytest

from turnout.models.errors import BadRequest
from turnout.serve.mock.override import parse_override
from turnout.serve.mock.script import Fault, ModelScript, load_script, parse_script


def test_a_script_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mock.yaml"
    path.write_text(
        "seed: 7\nmodels:\n  flaky:\n    latency: {ttft_s: 0.2, tokens_per_s: 50}\n"
        "    text: {kind: lorem, tokens: 60}\n    faults:\n      - {do: status, status: 429, retry_after_s: 2, share: 0.3}\n"
    )
    script = load_script(path)
    flaky = script.models["flaky"]
    assert (script.seed, flaky.latency.tokens_per_s, flaky.text.tokens) == (7, 50, 60)
    assert flaky.faults == (Fault(do="status", status=429, retry_after_s=2, share=0.3),)


@pytest.mark.parametrize(
    "document",
    [
        {"model": {}},
        {"models": {}},
        {"models": {"m": {"latency": {"ttft": 1}}}},
        {"models": {"m": {"latency": {"ttft_s": -1}}}},
        {"models": {"m": {"text": {"kind": "lorem"}}}},
        {"models": {"m": {"text": {"kind": "list", "values": []}}}},
        {"models": {"m": {"faults": [{"do": "explode"}]}}},
        {"models": {"m": {"faults": [{"do": "status", "status": 200}]}}},
        {"models": {"m": {"faults": [{"do": "reset", "share": 1.5}]}}},
        [],
    ],
)
def test_what_is_not_a_script_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_script(document)


def test_a_file_that_is_not_yaml_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("models: [")
    with pytest.raises(ValueError, match=r"broken\.yaml isn't YAML"):
        load_script(path)


@pytest.mark.parametrize(
    ("fault", "shown_at"),
    [
        (Fault(do="reset"), [1, 2, 3, 4, 5, 6]),
        (Fault(do="reset", at=(2, 5)), [2, 5]),
        (Fault(do="reset", first=3), [1, 2, 3]),
        (Fault(do="reset", every=2), [2, 4, 6]),
        (Fault(do="reset", first=1, every=3), [1, 3, 6]),
        (Fault(do="reset", share=0.5), [1, 2, 3, 4]),
        (Fault(do="reset", share=0), []),
    ],
)
def test_a_fault_is_shown_at_these_requests(fault: Fault, shown_at: list[int]) -> None:
    draws = [0.0, 0.1, 0.2, 0.49, 0.5, 0.9]
    assert [number for number, draw in enumerate(draws, 1) if fault.applies(number, draw)] == shown_at


def test_the_star_stands_for_every_other_model() -> None:
    script = parse_script({"models": {"a": {"context_tokens": 1}, "*": {"context_tokens": 2}}})
    assert [getattr(script.find(name), "context_tokens", None) for name in ("a", "b")] == [1, 2]
    assert parse_script({"models": {"a": {}}}).find("b") is None


def test_the_header_replaces_the_fault_and_changes_latency_and_length() -> None:
    script = ModelScript(faults=(Fault(do="reset"),))
    shown = parse_override(b"status=429; retry_after_s=2; ttft_s=0.5; tokens=40").apply(script)
    assert shown.faults == (Fault(do="status", status=429, retry_after_s=2),)
    assert (shown.latency.ttft_s, shown.text.tokens) == (0.5, 40)
    assert parse_override(b"cut; after_tokens=3").apply(script).faults == (Fault(do="cut", after_tokens=3),)
    assert parse_override(b"ok").apply(script).faults == ()
    assert parse_override(b"tokens=3").apply(script).faults == script.faults


@pytest.mark.parametrize(
    "value",
    [b"explode", b"status=abc", b"status=200", b"after_tokens=3", b"ok; stall_s=1", b"ttft_s=-1", b"", b"cut=1"],
)
def test_a_header_that_means_nothing_is_a_bad_request(value: bytes) -> None:
    with pytest.raises(BadRequest, match="x-mock"):
        parse_override(value)
