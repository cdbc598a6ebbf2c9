"""What routers are told of the directory, by what they have."""

import random

import msgspec
import pytest

from turnout.router.directory import Directory, KeyChanges
from turnout.serve.control.directory.news import News


def digest(number: int) -> bytes:
    return number.to_bytes(32)


def told(*numbers: int) -> dict[bytes, bytes]:
    return {digest(number): b"p%d" % number for number in numbers}


def test_a_router_that_has_a_version_gets_what_changed_since() -> None:
    news = News(10, told(1))
    news.add(11, told(2), [])
    news.add(15, told(3), [digest(1)])
    assert news.since(11) == KeyChanges(15, 11, told(3), (digest(1),))
    assert news.since(10) == KeyChanges(15, 10, told(2, 3), (digest(1),))


@pytest.mark.parametrize("version", [-1, 9, 12, 99])
def test_a_router_with_a_version_that_was_never_here_gets_all(version: int) -> None:
    news = News(10, told(1))
    news.add(11, told(2), [])
    assert news.since(version) == KeyChanges(11, None, told(1, 2))


def test_a_router_that_is_too_far_behind_gets_all_and_memory_is_bounded() -> None:
    news = News(0, keep_keys=6)
    for version in range(1, 100):
        news.add(version, told(version), [])
    assert news.since(90).since is None
    assert news.since(97).since == 97
    assert len(news._steps) <= 3


def test_the_empty_directory_is_news_for_who_has_none() -> None:
    assert News(0).since(-1) == KeyChanges(0, None, {})


def test_whatever_a_router_missed_it_ends_up_with_the_same() -> None:
    draw = random.Random(7)
    news, routers = News(0, keep_keys=30), [Directory() for _ in range(5)]
    expected: dict[bytes, bytes] = {}
    for version in range(1, 300):
        changed = {digest(n): b"%d" % version for n in draw.sample(range(40), draw.randrange(4))}
        gone = [
            each for each in draw.sample(sorted(expected), min(len(expected), draw.randrange(3))) if each not in changed
        ]
        expected = {key: value for key, value in (expected | changed).items() if key not in gone}
        news.add(version, changed, gone)
        for router in routers:
            if draw.random() < 0.3 and router.version != news.version:
                sent = msgspec.msgpack.encode(news.since(router.version))
                router.take(msgspec.msgpack.decode(sent, type=KeyChanges))
                assert router._known == expected
