"""Which config a router serves by: good ones replace, bad ones are refused and remembered, Control's changes lie on top."""

import asyncio

import pytest

from tests.fakes import FakePost, FakeSink, FakeUpstream, answers
from tests.gateways import ANSWER, LOCAL, Rig, catalogue
from turnout.models.errors import NoTarget
from turnout.router.catalogue import Catalogue
from turnout.router.outbox import Outbox
from turnout.serve.active_config import ActiveConfig
from turnout.serve.caching import Caching
from turnout.serve.config.cache import CacheStoreSettings
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.secret import Secrets
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control_watch import ControlWatch
from turnout.serve.spooling import Spooling

GOOD = {"auth": {"open_on_loopback": True}, "models": [{"name": "m", "targets": [{"name": "local", "pool": "pool"}]}]}
NEEDS_KEY = {
    **GOOD,
    "providers": {"far": {"base_url": "https://api.example.com/v1", "api_key": "env:FAR_KEY"}},
    "models": [{"name": "m", "targets": [{"name": "remote", "provider": "far", "model": "x"}]}],
}


def active(**environ: str) -> tuple[ActiveConfig, list[Catalogue]]:
    installed: list[Catalogue] = []
    return ActiveConfig("127.0.0.1", Secrets(environ, "node-1"), 7, installed.append), installed


def test_good_settings_are_installed_as_one_catalogue() -> None:
    config, installed = active()
    assert config.offer(GOOD)
    assert [each.version for each in installed] == [config.version]
    assert installed[0].models["m"].targets[0].pool == "pool"
    assert config.rejected is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({**GOOD, "modles": []}, "modles"),
        ({**GOOD, "models": [{"name": "m", "targets": []}]}, "targets"),
        (NEEDS_KEY, "FAR_KEY"),
        ({**GOOD, "auth": {}}, "nobody may ask"),
    ],
)
def test_bad_settings_are_refused_and_the_ones_before_stay(bad: dict[str, object], words: str) -> None:
    config, installed = active()
    config.offer(GOOD)
    version = config.version
    assert not config.offer(bad)
    assert words in (config.rejected or "")
    assert (config.version, len(installed)) == (version, 1)
    assert config.offer(GOOD)
    assert config.rejected is None


def test_control_s_changes_lie_on_top_and_outlive_a_new_file() -> None:
    config, installed = active()
    config.set_overlay(Overlay(3, {"local": 0.25}))
    assert (config.overlay_version, installed) == (3, [])
    config.offer(GOOD)
    assert installed[-1].models["m"].targets[0].weight == 0.25
    config.set_overlay(Overlay(4, {}, frozenset({"local"})))
    assert installed[-1].drained == {"local"}
    config.offer({**GOOD, "models": [{**GOOD["models"][0], "max_waiting": 5}]})  # type: ignore[index]
    assert (installed[-1].drained, installed[-1].models["m"].max_waiting) == ({"local"}, 5)


class FakeLink:
    """A ControlLink that gives these answers, then fails until cancelled."""

    def __init__(self, *replies: WatchAnswer) -> None:
        self._replies = list(replies)
        self.reports: list[RouterReport] = []
        self.is_spent = asyncio.Event()

    async def watch(self, report: RouterReport) -> WatchAnswer:
        self.reports.append(report)
        if not self._replies:
            self.is_spent.set()
            raise NoTarget("Control has no address now.")
        return self._replies.pop(0)


async def watched(config: ActiveConfig, *replies: WatchAnswer) -> list[RouterReport]:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL))
    link = FakeLink(*replies)
    watch = ControlWatch(
        router="router-1",
        node="node-1",
        link=link,  # type: ignore[arg-type]
        config=config,
        fleet=rig.fleet,
        slots=rig.slots,
        observer=rig.observer,
        directory=rig.directory,
        limiter=rig.limiter,
        spooling=Spooling(None, "router-1", Outbox(FakePost()), FakePost()),
        caching=Caching(CacheStoreSettings(), FakeSink()),
        explanations=rig.explanations,
    )
    task = asyncio.create_task(watch.run())
    await asyncio.wait_for(link.is_spent.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return link.reports


async def test_a_router_without_good_settings_takes_over_those_of_the_others() -> None:
    settled, _ = active()
    settled.offer(GOOD)
    assert settled.accepted is not None
    config, installed = active()
    config.offer({"auth": {}})
    await watched(config, WatchAnswer(None, settled.accepted.model_dump_json().encode(), False))
    assert installed[-1].models.keys() == {"m"}
    assert config.rejected, "the file is still wrong, and status says so"


async def test_reports_acknowledge_what_is_applied_and_tell_settings_once() -> None:
    config, _ = active()
    config.offer(GOOD)
    nothing = WatchAnswer(None, None, False)
    reports = await watched(config, WatchAnswer(Overlay(5), None, False), nothing, WatchAnswer(None, None, True))
    assert [report.have_version for report in reports] == [-1, 5, 5, 5]
    assert [report.accepted is not None for report in reports] == [True, False, False, True]
    assert [(target.name, target.state, target.endpoints) for target in reports[0].targets] == [("local", "ready", 1)]
