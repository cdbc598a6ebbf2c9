"""How many turns of conversations are answered from the cache, where at most one of a hundred that need another answer is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.cache.pairs.folds import Judged, draw_curve, find_rate, split_topics
from turnout.benchmarks.scenarios.cache.pairs.readings import Reading, open_model, read_texts
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.models.embedding.sentence import SentenceEmbedder
from turnout.router.cache.semantic.conversation import Message, assess_turn
from turnout.router.cache.semantic.lexicon import load_lexicon
from turnout.router.cache.semantic.turns import TurnKind, classify_turn
from turnout.router.cache.semantic.verifier import Verifier

Spoken = tuple[str, str]
"""A role and what it said."""


@dataclass(frozen=True, slots=True)
class ConversationPair:
    """
    Two conversations that end alike.

    Attributes:
        a: the stored one.
        b: the one that is asked in.
        kind: in what they differ.
        is_same: whether one answer does for both.
    """

    a: tuple[Spoken, ...]
    b: tuple[Spoken, ...]
    kind: str
    is_same: bool


def measure_conversations(setup: CacheSetup) -> Findings:
    """`conversations_hit_at_1pct_wrong`; beside it, by the cosine of the last messages; and how turns are told apart that stand alone."""
    data = setup.get_data()
    pairs = read_conversations(data)
    texts = [text for pair in pairs for _, text in (*pair.a, *pair.b)]
    model = open_model()
    readings = read_texts(texts, load_lexicon(), model)
    verifier = Verifier.load()
    topics = split_topics([(pair.a[0][1], pair.b[0][1]) for pair in pairs])
    ours, cosines = [], []
    for pair, topic in zip(pairs, topics, strict=True):
        asked, stored = ([make_message(readings, spoken) for spoken in side] for side in (pair.b, pair.a))
        ours.append(Judged(assess_turn(asked, stored, verifier).risk, pair.is_same, topic))
        cosines.append(Judged(1 - float(asked[-1].vector @ stored[-1].vector), pair.is_same, topic))
    found, plain = find_rate(ours), find_rate(cosines)
    kinds: dict[str, list[bool]] = {}
    for pair, each in zip(pairs, ours, strict=True):
        kinds.setdefault(pair.kind, []).append(each.risk < found.thresholds[each.topic])
    for kind, hits in sorted(kinds.items()):
        say(f"  {kind}: {sum(hits)} of {len(hits)} served")
    say(f"  {tell_turns_apart(data, model)}")
    remark = f"{found.wrong} of {found.others} served wrongly; a cosine of the last messages: {plain.share:.3f} hit, {plain.wrong} served"
    samples = {"curves": {"ours": draw_curve(ours), "cosine": draw_curve(cosines)}}
    return Findings([Finding("conversations_hit_at_1pct_wrong", found.share, remark)], {"conversations": samples})


def read_conversations(data: Path) -> list[ConversationPair]:
    """Short ones and long ones."""
    files = sorted((data / "fow_cache").glob("conv-*/*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        ConversationPair(_read_side(row["a"]), _read_side(row["b"]), row["subtype"], row["same_answer"]) for row in rows
    ]


def tell_turns_apart(data: Path, model: SentenceEmbedder) -> str:
    """Of follow-up questions that a person had to write anew to make them stand alone, how many are taken to do so as they are."""
    name = "cast2020_manual_evaluation_topics_v1.0.json"
    topics = json.loads((data / "multiturn" / name).read_text(encoding="utf-8"))
    turns = [(turn["raw_utterance"], turn["manual_rewritten_utterance"]) for topic in topics for turn in topic["turn"]]
    readings = read_texts([raw for raw, _ in turns], load_lexicon(), model)
    alone = [classify_turn(readings[raw].wording) is TurnKind.SELF_CONTAINED for raw, _ in turns]
    leaning = [was for was, (raw, written) in zip(alone, turns, strict=True) if _bare(raw) != _bare(written)]
    standing = [was for was, (raw, written) in zip(alone, turns, strict=True) if _bare(raw) == _bare(written)]
    return f"turns taken to stand alone: {sum(standing)} of {len(standing)} that do, {sum(leaning)} of {len(leaning)} others"


def make_message(readings: dict[str, Reading], spoken: Spoken) -> Message:
    """A message as the tier sees it."""
    role, text = spoken
    return Message(role, readings[text].vector, readings[text].wording)


def _read_side(messages: Sequence[dict[str, str]]) -> tuple[Spoken, ...]:
    return tuple((message["role"], message["content"]) for message in messages)


def _bare(text: str) -> str:
    return text.lower().strip(" .?!")
