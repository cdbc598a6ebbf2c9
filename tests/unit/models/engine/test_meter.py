"""The meter adds up what vLLM's engine cores report."""

from types import SimpleNamespace

from turnout.models.engine.meter import LoadMeter
from turnout.models.target import Load


def stats(running: int, waiting: int, skipped: int, kv: float) -> SimpleNamespace:
    return SimpleNamespace(
        num_running_reqs=running, num_waiting_reqs=waiting, num_skipped_waiting_reqs=skipped, kv_cache_usage=kv
    )


def test_is_idle_before_the_first_step():
    assert LoadMeter().read(0) == Load(0, 0, 0.0, 0)


def test_keeps_the_last_step_and_ignores_those_without_scheduler_statistics():
    meter = LoadMeter()
    meter.record(stats(1, 0, 0, 0.1), object(), mm_cache_stats=None, engine_idx=0)
    meter.record(stats(3, 2, 1, 0.4), None)
    meter.record(None, object())
    assert meter.read(77) == Load(running=3, waiting=3, kv_used=0.4, prefill_tokens=77)


def test_adds_up_engine_cores_and_takes_the_fullest_cache():
    meter = LoadMeter()
    assert meter.attach(object(), 0) is meter.attach(object(), 1)
    meter.record(stats(1, 0, 0, 0.1), None, engine_idx=0)
    meter.record(stats(2, 5, 0, 0.9), None, engine_idx=1)
    assert meter.read(0) == Load(running=3, waiting=5, kv_used=0.9, prefill_tokens=0)
