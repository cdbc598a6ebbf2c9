"""Sends many requests at once, or at planned times, and keeps all transcripts."""

import asyncio
from collections.abc import Iterator, Sequence

from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.faults.asking import Client, Question, open_client
from turnout.benchmarks.scenarios.faults.transcript import Transcript


def ask_all(subject: Subject, questions: Sequence[Question], at_once: int) -> list[Transcript]:
    """Every question, so many at a time, each after the one before has ended; transcripts in the order of the questions."""
    return asyncio.run(_ask_all(subject, questions, at_once))


def ask_at_rate(subject: Subject, questions: Sequence[Question], per_s: float) -> list[Transcript]:
    """Every question at its time, whatever has become of the others."""
    return asyncio.run(_ask_at_rate(subject, questions, per_s))


async def _ask_all(subject: Subject, questions: Sequence[Question], at_once: int) -> list[Transcript]:
    found: dict[int, Transcript] = {}
    waiting = iter(enumerate(questions))
    async with open_client(subject) as client:
        await asyncio.gather(*[_work(client, waiting, found) for _ in range(at_once)])
    return [found[number] for number in range(len(questions))]


async def _work(client: Client, waiting: Iterator[tuple[int, Question]], found: dict[int, Transcript]) -> None:
    for number, question in waiting:
        found[number] = await client.ask(question)


async def _ask_at_rate(subject: Subject, questions: Sequence[Question], per_s: float) -> list[Transcript]:
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    asked = []
    async with open_client(subject) as client:
        for number, question in enumerate(questions):
            await asyncio.sleep(begun_at + number / per_s - loop.time())
            asked.append(asyncio.ensure_future(client.ask(question)))
        return list(await asyncio.gather(*asked))
