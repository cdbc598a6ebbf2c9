"""`turnout chat` against a route on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes_http import Answer, Asked, FakeHttp, json_answer
from turnout.serve.cli.conversation import Told
from turnout.serve.cli.main import app

RUNNER = CliRunner()


def _stream(*events: Any, is_done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if is_done else ""]).encode()


def _text(content: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}


ANSWER = b": a comment\n\n" + _stream(
    _text("Par"), _text("is.", "stop"), {"choices": [], "usage": {"completion_tokens": 3}}
)


@pytest.fixture
def route() -> Iterator[FakeHttp]:
    with FakeHttp() as fake:
        fake.answers["GET /v1/models"] = json_answer({"data": [{"id": "small"}, {"id": "large"}]})
        fake.answers["POST /v1/chat/completions"] = _answer(ANSWER)
        yield fake


def _answer(body: bytes, status: int = 200) -> Answer:
    return status, {"content-type": "text/event-stream", "x-turnout-target": "small-here"}, body


def _chat(route: FakeHttp, *words: str, stdin: str = "", home: Path | None = None) -> Any:
    env = {"TURNOUT_KEY": None, "TURNOUT_HOME": str(home or "/nonexistent")}
    return RUNNER.invoke(app, ["chat", "--url", route.url, *words], input=stdin, env=env)


def test_one_question_prints_the_answer_and_what_is_known_of_it(route: FakeHttp) -> None:
    told = _chat(route, "What", "is it?")
    assert told.exit_code == 0
    assert told.stdout == "Paris.\n"
    assert "3 tokens" in told.stderr
    assert "from small-here" in told.stderr
    asked = route.asked[-1].json()
    assert asked["model"] == "small"
    assert asked["messages"] == [{"role": "user", "content": "What is it?"}]
    assert asked["stream_options"] == {"include_usage": True}


def test_the_question_may_come_from_standard_input(route: FakeHttp) -> None:
    assert _chat(route, "--system", "Be brief.", "--max-tokens", "9", "-m", "large", stdin="a file").exit_code == 0
    asked = route.asked[-1].json()
    assert [message["content"] for message in asked["messages"]] == ["Be brief.", "a file"]
    assert (asked["model"], asked["max_tokens"]) == ("large", 9)


def test_the_key_is_sent_and_a_wrong_one_is_explained(route: FakeHttp) -> None:
    route.answers["POST /v1/chat/completions"] = json_answer({"error": {"message": "no"}}, 401)
    told = _chat(route, "--key", "sk-12345678", "-m", "small", "hello")
    assert told.exit_code == 1
    assert "TURNOUT_KEY" in told.stderr
    assert route.asked[-1].headers["authorization"] == "Bearer sk-12345678"


def test_an_unknown_model_is_answered_with_the_nearest(route: FakeHttp) -> None:
    route.answers["POST /v1/chat/completions"] = json_answer({"error": {"message": "no model 'smal'"}}, 404)
    told = _chat(route, "-m", "smal", "hello")
    assert told.exit_code == 2
    assert "did you mean 'small'?" in told.stderr


@pytest.mark.parametrize(
    "body",
    [
        _stream(_text("Par"), is_done=False),
        _stream(
            _text("Par"), {"error": {"message": "upstream gone", "type": "api_error", "param": None, "code": None}}
        ),
        b"data: {not json\n\n",
    ],
)
def test_a_broken_answer_is_a_failure(route: FakeHttp, body: bytes) -> None:
    route.answers["POST /v1/chat/completions"] = _answer(body)
    told = _chat(route, "hello")
    assert told.exit_code == 1
    assert "error: " in told.stderr
    assert "Traceback" not in told.output


def test_nothing_there_says_how_to_start_it(tmp_path: Path) -> None:
    with FakeHttp() as gone:
        pass
    told = RUNNER.invoke(app, ["chat", "--url", f"http://127.0.0.1:{gone.port}", "hello"])
    assert told.exit_code == 1
    assert "turnout up" in told.stderr


def test_a_url_with_v1_is_the_same_route(route: FakeHttp) -> None:
    assert RUNNER.invoke(app, ["chat", "--url", f"{route.url}/v1/", "hi"]).exit_code == 0


def test_the_speed_leaves_out_the_wait_for_the_first_token() -> None:
    told = Told("text", tokens=11, first_token_s=1.0, total_s=2.0, target=None, finish="length")
    assert told.describe() == "11 tokens, 10.0 tokens/s, first after 1.00 s, cut at its longest: --max-tokens"


def test_each_turn_sends_the_conversation_so_far(route: FakeHttp) -> None:
    from turnout.serve.cli.commands.chat import Talk
    from turnout.serve.cli.conversation import Route
    from turnout.serve.cli.http import new_client

    with new_client() as client:
        talk = Talk(Route(route.url, None, client, lambda: 0.0), "small", None, None)
        talk.say("one")
        talk.say("two")
        route.answers["POST /v1/chat/completions"] = _fail
        with pytest.raises(Exception, match="busy"):
            talk.say("three")
        assert [message.content for message in talk.messages] == ["one", "Paris.", "two", "Paris."]
        talk.reset()
        assert talk.messages == []


def _fail(asked: Asked) -> Answer:
    return json_answer({"error": {"message": "busy"}}, 503)
