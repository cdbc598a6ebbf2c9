"""What a server is asked that is to go on with an answer."""

from typing import Any

import msgspec
import pytest

from tests.unit.models.openai.continuation.streams import MODEL, REPLICA, body_of, chat, completions
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.resume import INSTRUCTION as WORDS
from turnout.models.openai.continuation.resume import write_continuation
from turnout.models.openai.continuation.ways import Continuation
from turnout.models.openai.request import ApiRequest
from turnout.models.openai.token_comments import ASK_HEADER
from turnout.models.upstream import UpstreamRequest

PROGRESS = Progress("Hi \n", "a", 1, "m", 3, (1, 2, 3), (4, 5), 2, is_counted=True)
HI = {"role": "user", "content": "hi"}


def ask(way: Continuation, request: ApiRequest, progress: Progress = PROGRESS) -> UpstreamRequest:
    asked = write_continuation(way, request, progress, MODEL, REPLICA)
    body = body_of(asked)
    assert (asked.is_stream, body["stream"], body["stream_options"]["include_usage"]) == (True, True, True)
    assert body["model"] == "served"
    return asked


def test_a_chat_goes_on_by_ids_through_the_completions_route() -> None:
    sampling = {"temperature": 0.5, "top_k": 3, "seed": 7, "stop": ["#"], "logit_bias": {"5": 1.0}, "ignore_eos": True}
    request = chat(**sampling, max_completion_tokens=10, min_tokens=5, tools=[], echo=False, user="u", priority=3)
    asked = ask(Continuation.TOKENS, request)
    assert (asked.path, asked.headers) == ("/completions", (ASK_HEADER,))
    assert body_of(asked) == {
        **sampling,
        "user": "u",
        "min_tokens": 3,
        "max_tokens": 8,
        "prompt": [1, 2, 3, 4, 5],
        "add_special_tokens": False,
        "model": "served",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_chat_without_a_limit_may_fill_the_context() -> None:
    assert body_of(ask(Continuation.TOKENS, chat()))["max_tokens"] == 4096 - 5


def test_completions_keep_what_they_asked_by_ids() -> None:
    request = completions(max_tokens=3, truncate_prompt_tokens=2, bad_words=["x"], suffix=None, min_tokens=1)
    body = body_of(ask(Continuation.TOKENS, request))
    assert (body["prompt"], body["max_tokens"], body["min_tokens"], body["bad_words"]) == ([1, 2, 3, 4, 5], 1, 0, ["x"])
    assert not body.keys() & {"truncate_prompt_tokens", "suffix"}


def test_an_engine_continues_the_message_that_stands_last() -> None:
    asked = ask(Continuation.TEXT, chat(max_tokens=10, stream_options={"continuous_usage_stats": True}))
    body = body_of(asked)
    assert (asked.path, asked.headers) == ("/chat/completions", (ASK_HEADER,))
    assert body["messages"] == [HI, {"role": "assistant", "content": "Hi \n"}]
    assert (body["continue_final_message"], body["add_generation_prompt"], body["max_tokens"]) == (True, False, 8)
    assert body["stream_options"] == {"continuous_usage_stats": True, "include_usage": True}


def test_a_provider_gets_the_text_without_last_blanks_which_some_refuse() -> None:
    asked = ask(Continuation.PREFILL, chat(max_tokens=10, max_completion_tokens=20))
    body = body_of(asked)
    assert (asked.headers, body["messages"][1:]) == ((), [{"role": "assistant", "content": "Hi"}])
    assert (body["max_tokens"], body["max_completion_tokens"]) == (8, 18)
    assert "continue_final_message" not in body


def test_a_provider_is_asked_in_words_behind_the_text() -> None:
    body = body_of(ask(Continuation.INSTRUCTION, chat()))
    assert body["messages"] == [HI, {"role": "assistant", "content": "Hi \n"}, {"role": "user", "content": WORDS}]
    assert not body.keys() & {"max_tokens", "max_completion_tokens"}


@pytest.mark.parametrize(
    ("way", "fields", "last"),
    [
        (Continuation.PREFILL, {}, {"role": "assistant", "content": "I say: Hi", "prefix": True}),
        (
            Continuation.TEXT,
            {"continue_final_message": True},
            {"role": "assistant", "content": "I say: Hi \n", "prefix": True},
        ),
        (Continuation.TEXT, {}, {"role": "assistant", "content": "Hi \n"}),
    ],
)
def test_a_message_that_the_caller_began_goes_on_where_it_was_continued(
    way: Continuation, fields: dict[str, Any], last: dict[str, Any]
) -> None:
    begun = [HI, {"role": "assistant", "content": "I say: ", "prefix": True}]
    assert body_of(ask(way, chat(messages=begun, **fields)))["messages"][-1] == last


@pytest.mark.parametrize(
    "message", [{"content": None, "tool_calls": [{}]}, {"content": [{"type": "text", "text": "a"}]}]
)
def test_a_message_that_is_not_text_stays_as_it_is(message: dict[str, Any]) -> None:
    called = [HI, {"role": "assistant", **message}]
    body = body_of(ask(Continuation.PREFILL, chat(messages=called)))
    assert body["messages"] == [*called, {"role": "assistant", "content": "Hi"}]


def test_completions_go_on_by_their_prompt() -> None:
    for way, headers in ((Continuation.TEXT, (ASK_HEADER,)), (Continuation.PREFILL, ())):
        asked = ask(way, completions(suffix=" end"))
        body = body_of(asked)
        assert (asked.path, asked.headers) == ("/completions", headers)
        assert (body["prompt"], body["suffix"], body["max_tokens"]) == ("OnceHi \n", " end", 14)


def test_a_limit_that_an_estimate_reached_leaves_one_token() -> None:
    guessed = msgspec.structs.replace(PROGRESS, output_tokens=30, is_counted=False)
    assert body_of(ask(Continuation.INSTRUCTION, chat(max_tokens=20), guessed))["max_tokens"] == 1
    assert body_of(ask(Continuation.TEXT, completions(max_tokens=20), guessed))["max_tokens"] == 1
    assert "max_tokens" not in body_of(ask(Continuation.TEXT, completions(), guessed)), "its server's default isn't 16"


def test_fields_of_the_gateway_stay_here() -> None:
    request = chat(cache_salt="x", timeout=3, chat_template="y")
    for way in (Continuation.TEXT, Continuation.TOKENS):
        assert not body_of(ask(way, request)).keys() & {"cache_salt", "timeout", "chat_template"}
