"""What is kept of a stream, and what a client sees of it."""

from tests.fakes import FakeOut
from tests.unit.models.openai.continuation.streams import SSE, Engine
from turnout.models.openai.continuation.transcript import Transcript

ENGINE = Engine([(5, "a"), (6, "b")])


def kept(*blocks: bytes, most_bytes: int = 10_000) -> tuple[Transcript, FakeOut]:
    out = FakeOut()
    transcript = Transcript(out, most_bytes)
    transcript.start(200, SSE)
    for block in blocks:
        transcript.write(block)
    transcript.end()
    return transcript, out


def test_the_client_gets_the_events_without_token_comments_wherever_they_stand() -> None:
    with_ids, without = ENGINE.chat(), b"".join(ENGINE.chat(has_comments=False))
    for blocks in (with_ids, [b"".join(with_ids)], [with_ids[0], b"".join(with_ids[1:])]):
        transcript, out = kept(*blocks)
        assert out.body == without
        assert transcript.content() == b"".join(with_ids)


def test_comments_of_others_pass() -> None:
    event = b'data: {"choices":[]}\n\n'
    _, out = kept(b": ping\n\n", b":t [1]\n" + event, event + b": x\n\n:t [2]\n" + event, b":p [1]\n")
    assert out.body == b": ping\n\n" + event + event + b": x\n\n" + event


def test_a_stream_that_is_too_long_is_forgotten_but_passes() -> None:
    transcript, out = kept(b"a" * 6, b"b" * 6, b"c", most_bytes=10)
    assert (transcript.is_kept, transcript.content(), transcript.blocks()) == (False, b"", [])
    assert out.body == b"a" * 6 + b"b" * 6 + b"c"
    assert "is_kept=False" in repr(transcript)


def test_a_whole_answer_passes() -> None:
    out = FakeOut()
    Transcript(out).full(200, (), b"{}")
    assert out.body == b"{}"
