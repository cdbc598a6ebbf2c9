"""What a mock provider answers, request by request, with time that passes at once."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes import FakeOut
from turnout.models.exchange import RequestHead
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import parse_script

CHAT = "/v1/chat/completions"


class Mock:
    """A provider, and the pauses it made."""

    def __init__(self, **model: Any) -> None:
        self.pauses: list[float] = []
        self.provider = MockProvider(parse_script({"models": {"m": model}}), pause=self._pause, wall=lambda: 1000.0)

    async def _pause(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(round(seconds, 6))

    async def ask(self, path: str = CHAT, mock: str = "", method: str = "POST", **body: Any) -> FakeOut:
        headers = {b"x-mock": mock.encode()} if mock else {}
        payload = json.dumps(body).encode() if body else b""
        out = FakeOut()
        await self.provider(RequestHead(method.encode(), path.encode(), b"", headers, "peer"), payload, out)
        return out

    async def chat(self, mock: str = "", text: str = "hi there", **more: Any) -> FakeOut:
        return await self.ask(mock=mock, model="m", messages=[{"role": "user", "content": text}], **more)


def events(out: FakeOut) -> list[Any]:
    lines = out.body.decode().split("\n\n")[:-1]
    return [line if line.endswith("[DONE]") else json.loads(line.removeprefix("data: ")) for line in lines]


def text_of(out: FakeOut) -> str:
    chunks = [each for each in events(out) if isinstance(each, dict) and each.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


async def test_a_stream_says_the_same_as_a_unary_answer() -> None:
    mock = Mock(text={"values": ["One two  three."]})
    whole = json.loads((await mock.chat()).body)
    out = await mock.chat(stream=True)
    assert whole["choices"][0]["message"]["content"] == text_of(out) == "One two  three."
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    assert whole["created"] == 1000
    assert events(out)[-1] == "data: [DONE]"
    assert events(out)[-2]["choices"][0]["finish_reason"] == "stop"
    assert out.is_ended


async def test_usage_comes_in_a_stream_only_when_asked_for_and_never_when_off() -> None:
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    last = events(await Mock().chat(**asked))[-2]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 15
    assert all("usage" not in each for each in events(await Mock().chat(stream=True)))
    assert all("usage" not in each for each in events(await Mock(has_usage=False).chat(**asked)))
    assert b"usage" not in (await Mock(has_usage=False).chat()).body


async def test_latency_is_kept_in_streams_and_unary_answers_alike() -> None:
    mock = Mock(latency={"ttft_s": 0.5, "tokens_per_s": 10}, text={"kind": "lorem", "tokens": 4})
    await mock.chat(stream=True)
    assert mock.pauses == [0.5, 0.1, 0.1, 0.1]
    mock.pauses.clear()
    await mock.chat()
    assert mock.pauses == [0.5, 0.3]


async def test_equal_scripts_answer_alike_and_other_seeds_otherwise() -> None:
    async def say(seed: int) -> list[str]:
        model = {"text": {"kind": "lorem", "tokens": 5}, "faults": [{"do": "status", "share": 0.5}]}
        mock = Mock()
        mock.provider = MockProvider(parse_script({"seed": seed, "models": {"m": model}}), wall=lambda: 0.0)
        return [(await mock.chat()).body.decode() for _ in range(10)]

    assert await say(1) == await say(1) != await say(2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"kind": "echo"}, ["say this", "say this"]),
        ({"kind": "list", "values": ["a", "b"]}, ["a", "b"]),
        ({"values": ["one two"], "tokens": 5}, ["one two one two one", "one two one two one"]),
        ({"values": ["one two three"], "tokens": 2}, ["one two", "one two"]),
        ({"values": [""]}, ["", ""]),
    ],
)
async def test_it_says_what_the_script_says(text: dict[str, Any], expected: list[str]) -> None:
    mock = Mock(text=text)
    said = [json.loads((await mock.chat(text="say this")).body)["choices"][0]["message"]["content"] for _ in range(2)]
    assert said == expected


async def test_max_tokens_cuts_with_finish_reason_length() -> None:
    choice = json.loads((await Mock().chat(max_completion_tokens=2)).body)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello! I", "length")


async def test_n_choices_are_n_choices_streamed_too() -> None:
    assert [each["index"] for each in json.loads((await Mock().chat(n=3)).body)["choices"]] == [0, 1, 2]
    chunks = events(await Mock().chat(n=2, stream=True))[:-1]
    assert [c["choices"][0]["index"] for c in chunks if c["choices"][0]["finish_reason"]] == [0, 1]


@pytest.mark.parametrize(
    ("mock", "status", "code"),
    [
        ("status=500", 500, None),
        ("status=503", 503, None),
        ("status=401", 401, "invalid_api_key"),
        ("status=429; retry_after_s=1.5", 429, "rate_limit_exceeded"),
        ("context_length", 400, "context_length_exceeded"),
        ("content_filter", 400, "content_filter"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_error_faults_are_whole_answers_in_the_error_shape(
    mock: str, status: int, code: str | None, stream: bool
) -> None:
    out = await Mock().chat(mock, stream=stream)
    error = json.loads(out.body)["error"]
    assert (out.status, error["code"], set(error)) == (status, code, {"message", "type", "param", "code"})
    if "retry" in mock:
        assert (out.headers[b"retry-after"], out.headers[b"retry-after-ms"]) == (b"2", b"1500")


async def test_a_reset_before_the_first_byte_gives_nothing_at_all() -> None:
    out = await Mock().chat("reset", stream=True)
    assert (out.status, out.is_ended) == (0, False)


@pytest.mark.parametrize(
    ("mock", "text", "is_ended"),
    [
        ("reset; after_tokens=3", "Hello! I am", False),
        ("cut; after_tokens=3", "Hello! I am", True),
        ("error_event; after_tokens=3", "Hello! I am", True),
    ],
)
async def test_a_broken_stream_never_looks_finished(mock: str, text: str, is_ended: bool) -> None:
    out = await Mock().chat(mock, stream=True)
    assert (text_of(out), out.is_ended) == (text, is_ended)
    assert b"[DONE]" not in out.body
    assert b'"finish_reason":"' not in out.body
    assert (b'"error"' in out.body) == mock.startswith("error_event")


async def test_a_reset_in_a_unary_answer_leaves_half_of_it() -> None:
    out = await Mock().chat("reset; after_tokens=1")
    assert (out.status, out.is_ended) == (200, False)
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.body)


async def test_a_stall_waits_and_goes_on() -> None:
    mock = Mock()
    out = await mock.chat("stall; after_tokens=2; stall_s=30", stream=True)
    assert mock.pauses == [30.0]
    assert events(out)[-1] == "data: [DONE]"


async def test_a_malformed_chunk_is_one_among_good_ones() -> None:
    out = await Mock().chat("malformed; after_tokens=2", stream=True)
    lines = [each.removeprefix("data: ") for each in out.body.decode().split("\n\n")[:-1]]
    broken = [line for line in lines[:-1] if not line.endswith("}")]
    assert len(broken) == 1
    assert lines[-1] == "[DONE]"


async def test_no_done_leaves_it_out_after_a_finish_reason() -> None:
    out = await Mock().chat("no_done", stream=True)
    assert events(out)[-1]["choices"][0]["finish_reason"] == "stop"
    assert out.is_ended


async def test_tools_are_called_only_when_offered_and_in_fragments_when_streamed() -> None:
    mock = Mock(tool_calls=[{"name": "weather", "arguments": '{"city": "Bern"}'}])
    assert json.loads((await mock.chat()).body)["choices"][0]["finish_reason"] == "stop"
    tools = [{"type": "function", "function": {"name": "weather"}}]
    choice = json.loads((await mock.chat(tools=tools)).body)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Bern"}'}
    chunks = events(await mock.chat(tools=tools, stream=True))[:-1]
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert [("id" in call, call["index"]) for call in calls] == [(True, 0), (False, 0), (False, 0)]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city": "Bern"}'


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/v1/nothing", "POST", {}, 404),
        (CHAT, "GET", {}, 405),
        (CHAT, "POST", {}, 400),
        (CHAT, "POST", {"model": "m"}, 400),
        (CHAT, "POST", {"model": "other", "messages": []}, 404),
        ("/v1/embeddings", "POST", {"model": "m"}, 400),
        ("/_mock/script", "PUT", {"models": {"m": {"txt": 1}}}, 400),
    ],
)
async def test_wrong_requests_are_told_so(path: str, method: str, body: dict[str, Any], status: int) -> None:
    out = await Mock().ask(path, method=method, **body)
    assert out.status == status
    assert json.loads(out.body)["error"]["message"]


async def test_a_prompt_over_the_context_is_refused() -> None:
    mock = Mock(context_tokens=3)
    assert (await mock.chat(text="one two three")).status == 200
    out = await mock.chat(text="one two three four")
    assert json.loads(out.body)["error"]["code"] == "context_length_exceeded"


async def test_a_key_is_asked_for_where_the_script_has_one() -> None:
    provider = MockProvider(parse_script({"models": {"m": {}}, "api_key": "sk-1"}))
    statuses: list[int] = []
    for headers in ({}, {b"authorization": b"Bearer sk-2"}, {b"authorization": b"Bearer sk-1"}):
        out = FakeOut()
        await provider(RequestHead(b"GET", b"/v1/models", b"", headers, "peer"), b"", out)
        statuses.append(out.status)
    assert statuses == [401, 401, 200]


async def test_the_script_is_changed_at_run_time_and_counting_starts_anew() -> None:
    mock = Mock()
    await mock.chat()
    assert json.loads((await mock.ask("/_mock/stats", method="GET")).body)["requests"] == {"m": 1}
    new = {"models": {"m": {"faults": [{"do": "status", "first": 1}]}}}
    assert (await mock.ask("/_mock/script", method="PUT", **new)).status == 200
    assert [(await mock.chat()).status for _ in range(2)] == [500, 200]
    stats = json.loads((await mock.ask("/_mock/stats", method="GET")).body)
    assert (stats["statuses"], stats["faults"], stats["in_flight"]) == ({"500": 1, "200": 1}, {"status": 1}, 0)
    shown = json.loads((await mock.ask("/_mock/script", method="GET")).body)
    assert shown["models"]["m"]["faults"][0]["first"] == 1


async def test_the_last_requests_are_kept_without_keys_and_bounded() -> None:
    provider = MockProvider(parse_script({}), kept_requests=2)
    head = RequestHead(b"POST", CHAT.encode(), b"", {b"authorization": b"Bearer sk-1", b"x-a": b"b"}, "peer")
    for number in range(3):
        await provider(head, b'{"model":"mock","messages":[],"n":%d}' % (number + 1), FakeOut())
    out = FakeOut()
    await provider(RequestHead(b"GET", b"/_mock/requests", b"", {}, "peer"), b"", out)
    seen = json.loads(out.body)
    assert [each["body"][-4:-1] for each in seen] == ['":2', '":3']
    assert seen[0]["headers"]["x-a"] == "b"
    assert b"sk-1" not in out.body


async def test_a_client_that_leaves_is_counted() -> None:
    provider = MockProvider(parse_script({"models": {"m": {"latency": {"ttft_s": 3600}}}}))
    body = b'{"model":"m","messages":[]}'
    task = asyncio.ensure_future(provider(RequestHead(b"POST", CHAT.encode(), b"", {}, "peer"), body, FakeOut()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    out = FakeOut()
    await provider(RequestHead(b"GET", b"/_mock/stats", b"", {}, "peer"), b"", out)
    stats = json.loads(out.body)
    assert (stats["clients_left"], stats["in_flight"]) == (1, 0)
