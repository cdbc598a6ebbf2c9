"""How many questions that mean the same are answered from the cache, where at most one trap in a hundred is."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.rounds import quantile
from turnout.benchmarks.scenarios.cache.pairs.folds import Judged, Rate, draw_curve, find_rate, split_topics
from turnout.benchmarks.scenarios.cache.pairs.readings import Reading, open_model, read_texts
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.models.embedding.sentence import SentenceEmbedder
from turnout.router.cache.semantic.lexicon import load_lexicon
from turnout.router.cache.semantic.verifier import Verifier
from turnout.router.cache.semantic.wording import read_wording

_TIMED = 200


@dataclass(frozen=True, slots=True)
class TrapPair:
    """
    Two questions that look alike.

    Attributes:
        a: the stored one.
        b: the one that is asked.
        category: `paraphrase`, `near_repeat`, or the kind of the trap.
        is_same: whether one answer does for both.
    """

    a: str
    b: str
    category: str
    is_same: bool


def measure_traps(setup: CacheSetup) -> Findings:
    """`trap_pairs_hit_at_1pct_wrong`: by the verifier that ships; beside it, by the cosine alone."""
    pairs = read_pairs(setup.get_data())
    model = open_model()
    readings = read_texts([text for pair in pairs for text in (pair.a, pair.b)], load_lexicon(), model)
    verifier = Verifier.load()
    topics = split_topics([(pair.a, pair.b) for pair in pairs])
    ours, cosines = [], []
    for pair, topic in zip(pairs, topics, strict=True):
        a, b = readings[pair.a], readings[pair.b]
        cosine = float(a.vector @ b.vector)
        ours.append(Judged(verifier.assess(b.wording, a.wording, cosine).risk, pair.is_same, topic))
        cosines.append(Judged(1 - cosine, pair.is_same, topic))
    found, plain = find_rate(ours), find_rate(cosines)
    for line in _summarise(pairs, ours, found):
        say(f"  {line}")
    times_ms = time_checks(pairs, readings, verifier, model)
    p95 = quantile(times_ms, 0.95)
    remark = (
        f"{found.wrong} of {found.others} traps served; a cosine: {plain.share:.3f} hit, {plain.wrong} served; "
        f"{p95:.0f} ms p95 with the embedding, one thread; {len(pairs)} pairs"
    )
    curves = {"ours": draw_curve(ours), "cosine": draw_curve(cosines)}
    samples = {"curves": curves, "milliseconds": times_ms}
    return Findings([Finding("trap_pairs_hit_at_1pct_wrong", found.share, remark)], {"traps": samples})


def read_pairs(data: Path) -> list[TrapPair]:
    """Every pair whose answer people agree on."""
    lines = (data / "fow_cache" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        TrapPair(row["a"], row["b"], row["category"], row["same_answer"]) for row in rows if not row.get("ambiguous")
    ]


def time_checks(
    pairs: Sequence[TrapPair], readings: dict[str, Reading], verifier: Verifier, model: SentenceEmbedder
) -> list[float]:
    """Milliseconds from a new question's text to its risk, for one stored question."""
    lexicon = load_lexicon()
    times = []
    for pair in pairs[:_TIMED]:
        began = time.perf_counter()
        vector, tokens = model.embed_tokens([pair.b])[0]
        stored = readings[pair.a]
        verifier.assess(read_wording(pair.b, tokens, lexicon), stored.wording, float(vector @ stored.vector))
        times.append((time.perf_counter() - began) * 1e3)
    return times


def _summarise(pairs: Sequence[TrapPair], judged: Sequence[Judged], found: Rate) -> list[str]:
    served: dict[str, list[bool]] = {}
    for pair, each in zip(pairs, judged, strict=True):
        served.setdefault(pair.category, []).append(each.risk < found.thresholds[each.topic])
    return [f"{category}: {sum(hits)} of {len(hits)} served" for category, hits in sorted(served.items())]
