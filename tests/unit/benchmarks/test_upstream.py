"""Both mock upstreams, the C one and `turnout mock`, as the load client and gateways see them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from turnout.benchmarks.load.children import ChildFailed, python_module, start_child
from turnout.benchmarks.load.client import LoadClient, find_client
from turnout.benchmarks.load.compiler import MOCK_UPSTREAM, cache_folder, find_compiler, try_build
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import MODEL, CompiledUpstream, Pace, ScriptedUpstream, Upstream
from turnout.benchmarks.reference.references import start_minimal_proxy
from turnout.benchmarks.rounds import Subject, measure

UNARY = LoadPlan(
    "",
    b'{"model":"mock","messages":[{"role":"user","content":"hi"}]}',
    expected='"choices"',
    requests=20,
    connections=2,
)
STREAM_BODY = b'{"model":"mock","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}'
STREAM = replace(UNARY, body=STREAM_BODY, expected="[DONE]", requests=4)


@pytest.fixture(params=["c", "python"])
def upstream(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    if request.param == "python":
        with start_child(python_module("turnout.benchmarks.load.scripted_mock")) as child:
            yield ScriptedUpstream(child.port)
        return
    with compiled_upstream() as found:
        yield found


@pytest.fixture
def client() -> LoadClient:
    return find_client()


@contextmanager
def compiled_upstream() -> Iterator[CompiledUpstream]:
    executable = try_build(MOCK_UPSTREAM, cache_folder(os.environ), find_compiler())
    if executable is None:
        pytest.skip("no C compiler")
    with start_child([str(executable)]) as child:
        yield CompiledUpstream(child.port)


def test_it_answers_chat_completions_after_its_delay(upstream: Upstream, client: LoadClient) -> None:
    upstream.set_pace(Pace(delay_ms=30))
    result = measure(client, Subject("mock", upstream.base_url, MODEL), UNARY).result
    assert result.ok == 20
    assert result.latency is not None
    assert result.latency.p50 >= 29_000


def test_its_streams_have_the_wanted_chunks_at_the_wanted_pace(upstream: Upstream, client: LoadClient) -> None:
    upstream.set_pace(Pace(delay_ms=10, chunks=10, gap_ms=10))
    result = measure(client, Subject("mock", upstream.base_url, MODEL), STREAM).result
    assert (result.ok, result.streams) == (4, 4)
    assert 4 * 10 <= result.events <= 4 * 14
    assert result.latency is not None
    assert result.latency.p50 >= 90_000


def test_the_compiled_one_counts_what_it_did_and_who_left(client: LoadClient) -> None:
    with compiled_upstream() as upstream:
        subject = Subject("mock", upstream.base_url, MODEL)
        measure(client, subject, UNARY)
        upstream.set_pace(Pace(delay_ms=60_000))
        result = client.run(subject.aim(replace(UNARY, requests=2, give_up_s=0.3)))
        assert result.stuck == 2
        counters = upstream.counters()
        assert (counters.unary, counters.left) == (20, 2)


def test_the_yardstick_hands_on_whole_answers_and_streams(client: LoadClient) -> None:
    with compiled_upstream() as upstream, start_minimal_proxy(upstream.base_url, MODEL) as subject:
        upstream.set_pace(Pace(chunks=10))
        unary = measure(client, subject, UNARY)
        assert unary.result.ok == 20
        assert unary.cpu_s is not None
        streams = measure(client, subject, STREAM)
        assert (streams.result.streams, streams.result.events) == (4, 4 * 12)
        stranger = client.run(replace(subject, api_key="sk-other").aim(replace(UNARY, requests=1)))
        assert (stranger.bad_status, stranger.last_bad_status) == (1, 401)


def test_a_child_that_ends_without_listening_is_a_failure() -> None:
    with pytest.raises(ChildFailed, match="ended with 3"), start_child(["sh", "-c", "exit 3"]):
        pass


def test_a_child_is_ended_with_its_block() -> None:
    with start_child(["sh", "-c", "echo listening 1; exec sleep 60"]) as child:
        os.kill(child.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, signal.SIGTERM)
