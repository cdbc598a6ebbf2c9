"""Keeps the last load that vLLM's scheduler reported, for whoever asks."""

from typing import Any, Protocol

from turnout.models.target import Load


class SchedulerStats(Protocol):
    """The part of `vllm.v1.metrics.stats.SchedulerStats` that's read here."""

    num_running_reqs: int
    num_waiting_reqs: int
    num_skipped_waiting_reqs: int
    kv_cache_usage: float


class LoadMeter:
    """
    A vLLM stat logger: vLLM calls `record` once per engine step, on the loop that the engine was opened on.

    It has vLLM's methods without its base class, so that nothing of vLLM is imported before an engine is opened. One meter takes the records of all
    engine cores (data parallel ranks) of one engine: counts are added up, and of the KV caches the fullest counts.
    """

    def __init__(self) -> None:
        self._last: dict[int, SchedulerStats] = {}

    def __repr__(self) -> str:
        return f"LoadMeter({self.read(0)})"

    def attach(self, *_: Any) -> "LoadMeter":
        """Called by vLLM, as a factory of stat loggers, once for each engine core."""
        return self

    def record(self, scheduler_stats: SchedulerStats | None, *_: Any, engine_idx: int = 0, **__: Any) -> None:
        """Called by vLLM, with more statistics than are read here. Steps without those of the scheduler change nothing."""
        if scheduler_stats is not None:
            self._last[engine_idx] = scheduler_stats

    def log_engine_initialized(self) -> None:
        """Called by vLLM; nothing to do."""

    def log(self) -> None:
        """Called by vLLM; nothing to do."""

    def record_sleep_state(self, is_awake: int, level: int) -> None:
        """Called by vLLM; sleeping engines aren't used."""

    def read(self, prefill_tokens: int) -> Load:
        """The load at the last step, with the tokens still to be prefilled, which vLLM counts elsewhere."""
        last = self._last.values()
        return Load(
            running=sum(stats.num_running_reqs for stats in last),
            waiting=sum(stats.num_waiting_reqs + stats.num_skipped_waiting_reqs for stats in last),
            kv_used=max((stats.kv_cache_usage for stats in last), default=0.0),
            prefill_tokens=prefill_tokens,
        )
