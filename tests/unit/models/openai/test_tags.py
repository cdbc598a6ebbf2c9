"""Tags of a request."""

import msgspec
import pytest

from turnout.models.openai.tags import read_tags


def read(metadata: str) -> str:
    return read_tags({"metadata": msgspec.Raw(metadata.encode())})


def test_a_request_without_metadata_has_no_tags() -> None:
    assert read_tags({"model": msgspec.Raw(b'"m"')}) == ""


@pytest.mark.parametrize(
    ("metadata", "tags"),
    [
        ('{"tags": ["b", "a", "b"]}', "a,b"),
        ('{"tags": "team x, nightly"}', "nightly,team x"),
        ('{"tags": ["a,b", "ok", "", "<script>", "' + "x" * 65 + '"]}', "ok"),
        ('{"tags": null}', ""),
        ('{"tags": [1, 2]}', ""),
        ('{"tags": {"a": 1}}', ""),
        ('{"user": "u"}', ""),
        ("null", ""),
        ('"text"', ""),
        ("[1]", ""),
    ],
)
def test_tags_are_read_from_lists_and_texts_and_nothing_else_is_a_tag(metadata: str, tags: str) -> None:
    assert read(metadata) == tags


def test_a_request_has_at_most_16_tags() -> None:
    many = msgspec.json.encode({"tags": [f"t{n:02}" for n in range(40)]}).decode()
    assert read(many).count(",") == 15
