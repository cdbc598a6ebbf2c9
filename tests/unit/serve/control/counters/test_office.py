"""What Control opens to share limits with other clusters, and what's wrong with settings that can't be used."""

import time

import pytest
from pydantic import ValidationError

from turnout.serve.config.counters import CounterSettings
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.control.bell import Bell
from turnout.serve.control.counters.office import CountersOffice
from turnout.serve.control.shares import Shares


def make_shares() -> Shares:
    return Shares(time.monotonic, Bell(), has_whole=False)


async def test_without_counters_nothing_is_done_and_nothing_is_missing() -> None:
    office = CountersOffice.open(None, Secrets({}, "n1"), make_shares(), "here")
    assert office.is_running
    await office.close()


async def test_a_server_that_is_away_neither_stops_control_nor_its_end() -> None:
    settings = CounterSettings(url="env:URL", prefix="p")
    office = CountersOffice.open(settings, Secrets({"URL": "redis://127.0.0.1:1/0"}, "n1"), make_shares(), "here")
    assert repr(office) == "CountersOffice(<Exchange 'here' <RedisCounters b'p:limits'>>)"
    assert office.is_running
    await office.close()


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://:hunter2@127.0.0.1"])
async def test_what_is_no_url_of_redis_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="isn't redis://") as refused:
        CountersOffice.open(CounterSettings(url="env:URL"), Secrets({"URL": url}, "n1"), make_shares(), "here")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"url": "redis://h"}, {"url": "env:U", "prefix": "a b"}, {"url": "env:U", "on_failure": "open"}, {}]
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CounterSettings.model_validate(wrong)
