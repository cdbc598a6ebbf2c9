"""
A simulated engine replica: chunked prefill beside decoding, in steps, as vLLM does by default.

In every step each running sequence gets one token, and what is left of the step's token budget is spent on prompts, in the order in which they came.
A step lasts `prompt tokens / prefill rate`, and `decode_s + sequence_s × running sequences` where something is decoded. A prompt's first token comes
at the end of the step that ends its prefill. A sequence is admitted when the KV cache has room for its prompt and answer, so that none is preempted.

Steps that are alike are taken at once: an event is a first token, an end, or an arrival that changes what the next step does.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass

from turnout.benchmarks.scenarios.routing.replay.kv_cache import KvCache
from turnout.benchmarks.scenarios.routing.replay.traces import BLOCK_TOKENS, Request


@dataclass(frozen=True, slots=True)
class Engine:
    """
    What a replica can do.

    Attributes:
        prefill_per_s: prompt tokens a second.
        decode_s, sequence_s: what a step costs that decodes, and what each running sequence adds.
        kv_tokens: room of the KV cache.
        step_tokens: budget of a step; vLLM's `max_num_batched_tokens`, whose default is 2,048.
    """

    prefill_per_s: float = 10_000.0
    decode_s: float = 0.012
    sequence_s: float = 0.000_15
    kv_tokens: int = 256_000
    step_tokens: int = 2048

    def slowed(self, factor: float) -> "Engine":
        """The same, everything taking so many times as long."""
        return Engine(
            self.prefill_per_s / factor,
            self.decode_s * factor,
            self.sequence_s * factor,
            self.kv_tokens,
            self.step_tokens,
        )


class Sequence:
    """One request on its way through a replica."""

    __slots__ = ("answer_blocks", "cached_tokens", "ended_at", "first_at", "left_tokens", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.left_tokens = request.prompt_tokens
        self.cached_tokens = 0
        blocks = -(-(request.prompt_tokens + request.output_tokens) // BLOCK_TOKENS)
        self.answer_blocks = blocks - len(request.blocks)
        self.first_at = self.ended_at = math.nan


class Replica:
    """Owns the sequences of one simulated engine. `ends_at` is when its present steps end; `finish` takes them, and begins the next."""

    __slots__ = (
        "_began",
        "_chunks",
        "_decoding",
        "_prefilling",
        "_step_s",
        "_steps",
        "busy_s",
        "cache",
        "ends_at",
        "engine",
        "steps",
        "waiting",
    )

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cache = KvCache(engine.kv_tokens // BLOCK_TOKENS)
        self.waiting: deque[Sequence] = deque()
        self.ends_at = math.inf
        self.busy_s = 0.0
        self.steps = 0
        self._prefilling: Sequence | None = None
        self._decoding: list[tuple[int, int, Sequence]] = []
        self._chunks: list[tuple[Sequence, int]] = []
        self._began = self._step_s = 0.0
        self._steps = 0

    def __repr__(self) -> str:
        return f"<Replica {len(self.waiting)} waiting, {self.running} running, {self.cache!r}>"

    @property
    def running(self) -> int:
        """Sequences that are decoded."""
        return len(self._decoding)

    @property
    def is_prefilling(self) -> bool:
        """Whether a prompt is under way."""
        return self._prefilling is not None

    @property
    def prefill_tokens(self) -> int:
        """Prompt tokens that are accepted and not yet prefilled; of those that wait, all, as their prefix is looked up on admission."""
        begun = 0 if self._prefilling is None else self._prefilling.left_tokens
        return begun + sum(sequence.left_tokens for sequence in self.waiting)

    def accept(self, sequence: Sequence, now: float) -> None:
        """A request comes; steps under way are cut short where it may begin after the present one."""
        self.waiting.append(sequence)
        if self.ends_at == math.inf:
            self._begin(now)
        elif not self._chunks and self._steps > 1:
            done = max(1, math.ceil((now - self._began) / self._step_s))
            if done < self._steps:
                self._steps = done
                self.ends_at = self._began + done * self._step_s

    def finish(self, now: float) -> tuple[list[Sequence], list[Sequence]]:
        """Take the steps that end now, and begin the next; those that have their first token, and those that are whole."""
        self.steps += self._steps
        self.busy_s += self._steps * self._step_s
        firsts: list[Sequence] = []
        ends: list[Sequence] = []
        for sequence, tokens in self._chunks:
            sequence.left_tokens -= tokens * self._steps
            if not sequence.left_tokens:
                sequence.first_at = now
                firsts.append(sequence)
                last_step = self.steps + sequence.request.output_tokens - 1
                heapq.heappush(self._decoding, (last_step, sequence.request.number, sequence))
                if sequence is self._prefilling:
                    self._prefilling = None
        while self._decoding and self._decoding[0][0] <= self.steps:
            sequence = heapq.heappop(self._decoding)[2]
            sequence.ended_at = now
            self.cache.release(sequence.request.blocks, sequence.answer_blocks)
            ends.append(sequence)
        self._begin(now)
        return firsts, ends

    def _begin(self, now: float) -> None:
        """Plan the next step, and as many after it as are the same."""
        running = len(self._decoding)
        budget = self.engine.step_tokens - running
        self._chunks = []
        while budget > 0 and (self._prefilling is not None or self._try_admit()):
            sequence = self._prefilling
            assert sequence is not None
            tokens = min(budget, sequence.left_tokens)
            self._chunks.append((sequence, tokens))
            budget -= tokens
            if tokens == sequence.left_tokens:
                self._prefilling = None
        prompt_tokens = sum(tokens for _, tokens in self._chunks)
        if not running and not prompt_tokens:
            self.ends_at = math.inf
            return
        self._step_s = prompt_tokens / self.engine.prefill_per_s
        if running:
            self._step_s += self.engine.decode_s + self.engine.sequence_s * running
        self._steps = self._count_alike(prompt_tokens)
        self._began = now
        self.ends_at = now + self._steps * self._step_s

    def _try_admit(self) -> bool:
        """Admit the first that waits, if the cache has room for it."""
        if not self.waiting:
            return False
        sequence = self.waiting[0]
        request = sequence.request
        cached = self.cache.count_cached(request.blocks)
        if not self.cache.try_hold(request.blocks, sequence.answer_blocks):
            return False
        self.waiting.popleft()
        sequence.cached_tokens = min(cached * BLOCK_TOKENS, request.prompt_tokens - 1)
        sequence.left_tokens = request.prompt_tokens - sequence.cached_tokens
        self._prefilling = sequence
        return True

    def _count_alike(self, prompt_tokens: int) -> int:
        """Steps until a sequence ends, or a prompt does."""
        until_end = self._decoding[0][0] - self.steps if self._decoding else None
        if not prompt_tokens:
            assert until_end is not None
            return until_end
        if len(self._chunks) > 1 or self._prefilling is None:
            return 1
        whole = (self._prefilling.left_tokens - 1) // prompt_tokens
        return whole if until_end is None else min(whole, until_end)
