"""Gathers texts of many callers into batches: while one batch is in the model, the next one fills."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import Embedder, Tokens
from turnout.models.errors import NoTarget
from turnout.models.target import Load

logger = logging.getLogger(__name__)

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """
    How large a batch and its queue may be.

    Attributes:
        texts: in one pass through the model.
        padded_tokens: in one pass, counting each text as long as the longest; bounds how long a short text waits behind long ones. One text alone
            always fits.
        waiting: texts in the queue; more are refused.
    """

    texts: int = 32
    padded_tokens: int = 2048
    waiting: int = 4096


class Coalescer:
    """
    Owner of the texts that wait for one model, and of the thread that the model runs on.

    A batch is whatever waits when the model becomes free, so that nobody waits for a batch to fill, and batches grow as load does. Serve's own
    `@serve.batch` closes a batch after a fixed wait even while the model is busy; ADR 0006 has what that costs. Used as `async with`.
    """

    def __init__(self, embedder: Embedder, limits: BatchLimits) -> None:
        self._embedder = embedder
        self._limits = limits
        self._queue: deque[_Waiting] = deque()
        self._running = 0
        self._filled = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._loop_task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Coalescer(running={self._running}, waiting={len(self._queue)})"

    async def __aenter__(self) -> Self:
        self._loop_task = asyncio.create_task(self._run(), name="embedding batches")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.wait((self._loop_task,))
        for waiting in self._queue:
            waiting.vector.cancel()
        self._queue.clear()
        self._thread.shutdown(wait=False)

    @property
    def is_running(self) -> bool:
        """Whether batches are made."""
        return self._loop_task is not None and not self._loop_task.done()

    def load(self) -> Load:
        """Texts in the model, texts and tokens waiting for it."""
        return Load(self._running, len(self._queue), 0.0, sum(len(waiting.tokens) for waiting in self._queue))

    async def embed(self, texts: Sequence[Tokens]) -> list[Vector]:
        """
        The vector of each text, each float32 (dimensions,).

        If the caller is cancelled, texts that aren't in the model yet are dropped.

        Raises:
            NoTarget: the queue is full.
        """
        if len(self._queue) + len(texts) > self._limits.waiting:
            raise NoTarget(f"{len(self._queue)} texts are waiting to be embedded; try again later", None, 1.0)
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(tokens, loop.create_future()) for tokens in texts]
        self._queue.extend(waiting)
        self._filled.set()
        return await asyncio.gather(*(each.vector for each in waiting))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._filled.wait()
            batch = self._take()
            if not batch:
                self._filled.clear()
                continue
            self._running = len(batch)
            try:
                vectors = await loop.run_in_executor(
                    self._thread, self._embedder.embed, [each.tokens for each in batch]
                )
            except Exception as error:
                logger.exception("a batch of %d texts failed", len(batch))
                _settle(batch, error)
            else:
                _settle(batch, vectors)
            finally:
                self._running = 0
                for each in batch:  # cancelled with this loop; the others are done
                    each.vector.cancel()

    def _take(self) -> list["_Waiting"]:
        """The next batch, in the order of arrival; texts whose callers have gone are dropped."""
        batch: list[_Waiting] = []
        longest = 0
        while self._queue and len(batch) < self._limits.texts:
            if self._queue[0].vector.done():
                self._queue.popleft()
                continue
            longest = max(longest, len(self._queue[0].tokens))
            if batch and longest * (len(batch) + 1) > self._limits.padded_tokens:
                break
            batch.append(self._queue.popleft())
        return batch


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One text, and the future that its caller waits for."""

    tokens: Tokens
    vector: "asyncio.Future[Vector]"


def _settle(batch: Sequence[_Waiting], result: Vector | Exception) -> None:
    for row, waiting in enumerate(batch):
        if waiting.vector.done():
            continue
        if isinstance(result, Exception):
            waiting.vector.set_exception(result)
        else:
            waiting.vector.set_result(result[row])
