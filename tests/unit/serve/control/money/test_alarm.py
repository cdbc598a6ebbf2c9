"""Who is told, in which words, and how often it's tried."""

import asyncio
from typing import Any

import pytest

from turnout.serve.config.money import AlertSettings
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.control.money.alarm import CAPACITY, PAGERDUTY_URL, Alarm, Recipient, read_recipients, write_body
from turnout.serve.control.money.alerts import Passed

PASSED = Passed("team:search:monthly", 0.8, 8_123_000_000, 10_000_000_000, "monthly", 1_700_000_000, True, 7)


class FakePoster:
    """Takes what comes after so many failures."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.tried = 0

    async def post(self, url: str, body: dict[str, Any]) -> None:
        self.tried += 1
        if self.failures:
            self.failures -= 1
            raise OSError("503")
        self.posted.append((url, body))


async def run(poster: FakePoster, *passed: Passed) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    alarm = Alarm([Recipient("slack", "https://hooks.test/x")], poster, sleep)
    alarm.tell(passed)
    task = asyncio.ensure_future(alarm.run())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    return slept


def test_slack_gets_a_sentence() -> None:
    text = "Budget team:search:monthly has passed 80%: 8.12 of 10.00 USD (monthly)"
    assert write_body(Recipient("slack", "u"), PASSED) == {"text": text}


def test_pagerduty_gets_an_event_that_is_the_same_when_it_is_sent_twice() -> None:
    body = write_body(Recipient("pagerduty", "u", "key"), PASSED)
    assert (body["routing_key"], body["event_action"]) == ("key", "trigger")
    assert body["dedup_key"] == "turnout/team:search:monthly/0.8/1700000000"
    assert set(body["payload"]) == {"summary", "source", "severity", "custom_details"}
    assert body["payload"]["severity"] == "warning"


def test_json_has_exact_numbers() -> None:
    body = write_body(Recipient("json", "u"), PASSED)
    assert (body["spent_nusd"], body["amount_nusd"], body["is_hard"]) == (8_123_000_000, 10_000_000_000, True)


async def test_what_is_not_taken_is_tried_four_times() -> None:
    poster = FakePoster(failures=3)
    assert await run(poster, PASSED) == [1.0, 5.0, 30.0]
    assert [url for url, _ in poster.posted] == ["https://hooks.test/x"]
    poster = FakePoster(failures=99)
    await run(poster, PASSED)
    assert (poster.tried, poster.posted) == (4, [])


async def test_a_flood_of_alerts_is_bounded() -> None:
    poster = FakePoster()
    alarm = Alarm([Recipient("slack", "u")], poster, asyncio.sleep)
    alarm.tell([PASSED] * (CAPACITY + 50))
    assert f"{CAPACITY} waiting" in repr(alarm)


def test_addresses_come_from_secrets_and_are_not_shown() -> None:
    settings = [AlertSettings(kind="slack", url="env:HOOK"), AlertSettings(kind="pagerduty", routing_key="env:PD")]
    slack, pager = read_recipients(settings, Secrets({"HOOK": "https://hooks.test/secret", "PD": "pd-key"}, "here"))
    assert (slack.url, pager.url, pager.routing_key) == ("https://hooks.test/secret", PAGERDUTY_URL, "pd-key")
    assert "secret" not in repr(slack)
    assert "pd-key" not in repr(pager)
    with pytest.raises(ConfigError, match="HOOK"):
        read_recipients(settings, Secrets({}, "here"))


@pytest.mark.parametrize(
    "bad", [{"kind": "slack"}, {"kind": "pagerduty"}, {"kind": "json", "url": "env:A", "routing_key": "env:B"}]
)
def test_an_alert_without_what_it_needs_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"needs|only"):
        AlertSettings.model_validate(bad)
