"""The rows of the start display, and the causes of a failed start, from what Serve says."""

import pytest

from turnout.serve.cli.causes import explain, last_line
from turnout.serve.cli.serve_api import Application, Deployment, Replica
from turnout.serve.cli.stages import describe_start, find_failure

TRACEBACK = """Deployment 'Engine' failed to start 3 times in a row. Error:
ray::ServeReplica.initialize()
  File "replica.py", line 1, in __init__
turnout.models.disk.errors.ModelNotOnDisk: model 'smollm2' is not on this machine; run: turnout models pull smollm2

The above exception was the direct cause of the following exception:

RuntimeError: can't start: no model
"""


def _app(status: str, states: tuple[str, ...] = (), wanted: int = 1, message: str = "") -> Application:
    return Application(status, message, {"D": Deployment("UPDATING", "", wanted, [Replica(state) for state in states])})


@pytest.mark.parametrize(
    ("application", "phase", "text"),
    [
        (None, "waiting", "waits for Ray"),
        (Application("DEPLOYING"), "working", "is being built"),
        (_app("DEPLOYING", ("STARTING", "RUNNING"), 2), "working", "starting, 1 of 2 replicas"),
        (_app("RUNNING", ("RUNNING",)), "done", "running, 1 of 1 replicas"),
        (_app("UNHEALTHY", message="gone"), "failed", "unhealthy, Serve replaces it: gone"),
        (_app("DEPLOY_FAILED", message=TRACEBACK), "failed", "can't start: no model"),
    ],
)
def test_an_application_is_described(application: Application | None, phase: str, text: str) -> None:
    row = describe_start(
        ["pool"], {"pool": application} if application else None, has_ray=True, is_ready=False, url=""
    )[1]
    assert (row.phase, row.text) == (phase, text)


@pytest.mark.parametrize(
    ("message", "told"),
    [("It takes long. This may be a slow __init__ method.", ""), (TRACEBACK, ": can't start: no model")],
)
def test_an_error_is_shown_while_serve_tries_again_but_not_its_patience(message: str, told: str) -> None:
    application = Application("DEPLOYING", "", {"D": Deployment("UPDATING", message, 1)})
    row = describe_start(["pool"], {"pool": application}, has_ray=True, is_ready=False, url="")[1]
    assert row.text == f"starting, 0 of 1 replicas{told}"


def test_the_route_waits_for_the_applications_then_for_models_then_answers() -> None:
    def route(status: str, *, is_ready: bool) -> str:
        return describe_start(["pool"], {"pool": _app(status)}, has_ray=True, is_ready=is_ready, url="http://here")[
            -1
        ].text

    assert route("DEPLOYING", is_ready=False) == "waits for the applications"
    assert route("RUNNING", is_ready=False) == "waiting for its models"
    assert route("RUNNING", is_ready=True) == "answers at http://here"


def test_the_failure_is_the_message_that_says_most() -> None:
    failed = Application("DEPLOY_FAILED", "failed", {"D": Deployment("DEPLOY_FAILED", TRACEBACK)})
    assert find_failure({"a": _app("RUNNING"), "b": failed}) == ("b", TRACEBACK)
    assert find_failure({"a": _app("DEPLOYING")}) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("OSError: [Errno 98] Address already in use", "port"),
        ("ConnectionError: Failed to connect to Ray cluster at 10.0.0.1:6379", "RAY_ADDRESS"),
        ("ray.exceptions.AuthenticationError: no", "token"),
        ("OSError: AF_UNIX path length cannot exceed 107 bytes", "RAY_TMPDIR"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("torch.OutOfMemoryError: tried to allocate", "memory"),
    ],
)
def test_known_causes_are_said_in_plain_words(text: str, word: str) -> None:
    assert word in (explain(text) or "")


def test_an_unknown_cause_is_its_last_error_or_line() -> None:
    assert explain(TRACEBACK) is None
    assert last_line(TRACEBACK) == "can't start: no model"
    assert last_line("one\ntwo\n\n") == "two"
    assert last_line("") == ""
