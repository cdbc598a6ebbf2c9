"""Answers that no model gave have the shape of those that one did."""

import json

import pytest

from tests.fakes import FakeOut
from turnout.models.openai.answer import DONE, AnswerScan
from turnout.models.openai.made import MadeAnswer
from turnout.models.openai.request import Operation
from turnout.models.usage import Usage

CHAT = MadeAnswer(Operation.CHAT, "req-1", 1700000000, "m", 'We\'re "back" soon – ä.')
TEXT = MadeAnswer(Operation.COMPLETIONS, "req-1", 1700000000, "m", "Soon.")


def test_a_whole_answer_says_the_text_and_that_nothing_was_used() -> None:
    chat, text = json.loads(CHAT.to_json()), json.loads(TEXT.to_json())
    assert (chat["object"], chat["id"], chat["created"], chat["model"]) == ("chat.completion", "req-1", 1700000000, "m")
    assert chat["choices"][0]["message"] == {"role": "assistant", "content": CHAT.text, "refusal": None}
    assert (text["object"], text["choices"][0]["text"]) == ("text_completion", "Soon.")
    for answer in (chat, text):
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize("made", [CHAT, TEXT])
@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_is_one_that_our_own_scan_takes_for_whole(made: MadeAnswer, wants_usage: bool) -> None:
    events, noted, out = made.to_events(wants_usage), list[Usage](), FakeOut()
    scan = AnswerScan(out, hides_usage=False, note_usage=noted.append)
    scan.start(200, ((b"content-type", b"text/event-stream"),))
    scan.write(events)
    scan.end()
    assert (scan.is_complete, scan.events) == (True, 2)
    assert noted == ([Usage(0, 0)] if wants_usage else [])
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events.removesuffix(DONE).split(b"\n\n")[:-1]]
    assert {chunk["id"] for chunk in chunks} == {"req-1"}
    first = chunks[0]["choices"][0]
    assert (first["delta"]["content"] if "delta" in first else first["text"]) == made.text
    assert len(chunks) == (3 if wants_usage else 2)
