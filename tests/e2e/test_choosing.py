"""Rules and `auto` on a whole cluster: labels are fitted as a user does it, and the Embedder's own MiniLM decides."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import KEY, TURNOUT, Running, application, start
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

# Alike in length, words and marks, so that only the meaning tells them apart.
OPENINGS = ("What should I know about", "Please tell me about", "How does one think of", "Could you explain")
KITCHEN = (
    "soup", "bread dough", "fried eggs", "tomato sauce", "roast lamb", "pancakes", "rice pudding", "baked potatoes", "apple cake", "fish stew",
    "pasta salad", "grilled corn", "lentil curry", "beef broth", "garlic butter", "cheese pie", "bean chili", "plum jam", "noodles", "onion tart",
)  # fmt: skip
COURT = (
    "tort law", "a lease deed", "court appeals", "patent claims", "libel suits", "bail bonds", "probate", "tax fraud trials", "legal custody",
    "a plea deal", "contract law", "land title", "a court order", "legal fees", "a lawsuit", "witness oaths",
    "copyright", "a subpoena", "parole", "a jury vote",
)  # fmt: skip


def write_labels(path: Path) -> None:
    """The small model is good in the kitchen and bad in court; the big one is good at both."""
    rows = []
    for opening, (topics, score) in itertools.product(OPENINGS, ((KITCHEN, 1), (COURT, 0))):
        for topic in topics[:-1]:
            prompt = f"{opening} {topic}?"
            rows += [
                {"prompt": prompt, "model": "small", "score": score},
                {"prompt": prompt, "model": "big", "score": 1},
            ]
    path.write_text("\n".join(json.dumps(row) for row in rows))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    try:
        find("minilm")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("choosing")
    labels, predictor = folder / "labels.jsonl", folder / "quality.npz"
    write_labels(labels)
    subprocess.run([TURNOUT, "routes", "fit", "--data", labels, "--out", predictor], check=True, timeout=300)
    learned = {
        "models": ["small", "big"],
        "predictor": str(predictor),
        "embedder": "minilm",
        "embed_within_s": 5,
        "min_quality": 0.5,
    }
    prices = {"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000001"}
    dear = {"input_cost_per_token": "0.00001", "output_cost_per_token": "0.00001"}
    models: list[dict[str, object]] = [
        {"name": "small", "targets": [{"name": "small-1", "provider": "mock", "model": "far", **prices}]},
        {"name": "big", "targets": [{"name": "big-1", "provider": "mock", "model": "far", **dear}]},
        {"name": "minilm", "operations": ["embeddings"], "targets": [{"name": "minilm-1", "pool": "minilm"}]},
        {
            "name": "chat",
            "targets": [{"name": "chat-1", "provider": "mock", "model": "far"}],
            "rules": [{"when": {"header": {"x-app": "batch"}}, "use": "small"}, {"when": {"tenant": "nobody"}, "use": "big"}],
        },
        {"name": "smart", "auto": ["small", "big"]},
        {"name": "learned", "auto": learned},
    ]  # fmt: skip
    embedder = application("minilm", {"kind": "embedder", "model": "minilm", "num_cpus": 0.1})
    yield from start(folder, [embedder], models, routers=1)


def ask(cluster: Running, model: str, question: str, **headers: str) -> tuple[str, str]:
    """Which target answered, and why that one."""
    answer = httpx.post(
        f"{cluster.url}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": question}]},
        headers={"authorization": f"Bearer {KEY}", **headers},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["x-turnout-target"], answer.headers["x-turnout-route-reason"]


def test_a_header_chooses_the_model(cluster: Running) -> None:
    assert ask(cluster, "chat", "hi", **{"x-app": "batch"}) == ("small-1", "rule_1")
    assert ask(cluster, "chat", "hi") == ("chat-1", "only")


def test_one_line_sends_simple_requests_to_the_cheaper_model_and_complex_ones_to_the_stronger(cluster: Running) -> None:
    assert ask(cluster, "smart", "What is the capital of France?") == ("small-1", "auto")
    hard = "Prove by induction that $1^3 + 2^3 + ... + n^3 = (n(n+1)/2)^2$ and find it for n = 12345. " * 10
    assert ask(cluster, "smart", hard) == ("big-1", "auto")
    assert ask(cluster, "smart", "hi", **{"x-turnout-min-quality": "0.99"})[0] == "big-1"


def test_a_fitted_predictor_tells_by_meaning_what_no_word_of_the_labels_says(cluster: Running) -> None:
    assert ask(cluster, "learned", f"Could you explain {KITCHEN[-1]}?") == ("small-1", "auto")
    assert ask(cluster, "learned", f"Could you explain {COURT[-1]}?") == ("big-1", "auto")
    long = f"Could you explain {COURT[0]}? " * 200
    assert ask(cluster, "learned", long)[1] == "auto", "what is too long for the embedder is cut"


def test_the_name_asked_for_stays_in_the_ledger_and_the_list_of_models(cluster: Running) -> None:
    ask(cluster, "smart", "What is the capital of Spain?")
    listed = httpx.get(f"{cluster.url}/v1/models", headers={"authorization": f"Bearer {KEY}"}, timeout=10).json()
    assert {"smart", "learned", "chat"} <= {model["id"] for model in listed["data"]}
    status = cluster.turnout("status", str(cluster.file))
    assert status.returncode == 0, status.stdout + status.stderr
    assert "nothing can answer" not in status.stdout
