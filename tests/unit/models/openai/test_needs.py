"""What a model must be able to do is read off the body."""

import pytest

from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Capability

TEXT = '"messages":[{"role":"user","content":"hi"}]'
PICTURE = '"messages":[{"role":"user","content":[{"type": "image_url","image_url":{"url":"data:,"}}]}]'
SOUND = '"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]'
SPOKEN_OF = r'"messages":[{"role":"user","content":"write {\"type\": \"image_url\"} please"}]'


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        (TEXT, set()),
        (f'{TEXT},"tools":[]', set()),
        (f'{TEXT},"tools":null', set()),
        (f'{TEXT},"tools":[{{"type":"function","function":{{"name":"f"}}}}]', {Capability.TOOLS}),
        (f'{TEXT},"response_format":{{"type":"json_schema","json_schema":{{}}}}', {Capability.JSON_SCHEMA}),
        (f'{TEXT},"response_format":{{"type":"text"}}', set()),
        (PICTURE, {Capability.VISION}),
        (SOUND, {Capability.AUDIO}),
        (SPOKEN_OF, set()),
    ],
)
def test_needs_are_read_and_not_guessed(body: str, needs: set[Capability]) -> None:
    assert parse_request(Operation.CHAT, f'{{"model":"m",{body}}}'.encode()).needs == needs
