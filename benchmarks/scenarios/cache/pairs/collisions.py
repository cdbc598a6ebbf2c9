"""Whether somebody who knows the embedding model can craft a question that gets another question's answer."""

import random
from collections.abc import Sequence

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.cache.pairs.folds import Judged, find_rate, split_topics
from turnout.benchmarks.scenarios.cache.pairs.generator import OTHER, read_material
from turnout.benchmarks.scenarios.cache.pairs.operators import Material
from turnout.benchmarks.scenarios.cache.pairs.readings import Reading, open_model, read_texts
from turnout.benchmarks.scenarios.cache.pairs.traps import read_pairs
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.benchmarks.scenarios.cache.streams.questions import read_banking77, read_clinc150
from turnout.models.embedding.sentence import SentenceEmbedder
from turnout.router.cache.semantic.lexicon import Lexicon, load_lexicon
from turnout.router.cache.semantic.verifier import Verifier

VICTIMS = 500
TRIES = 24
_LONGEST_TEXT = 110


def measure_collisions(setup: CacheSetup) -> Findings:
    """`collision_attack_success`: of questions changed until they're nearest to a victim's, the share that is served its answer."""
    data, randomness = setup.get_data(), random.Random(setup.seed)
    texts = [*read_banking77(data).texts, *read_clinc150(data).texts]
    material = read_material(data, texts)
    short = [text for text in texts if len(text) <= _LONGEST_TEXT]
    victims = randomness.sample(short, VICTIMS)
    crafted = [craft(victim, material, randomness) for victim in victims]
    model, lexicon, verifier = open_model(), load_lexicon(), Verifier.load()
    readings = read_texts([*victims, *(text for texts in crafted for text in texts)], lexicon, model)
    threshold = find_threshold(setup, lexicon, model, verifier)
    attacks = [
        (victim, nearest(victim, tries, readings)) for victim, tries in zip(victims, crafted, strict=True) if tries
    ]
    risks, cosines = [], []
    for victim, attack in attacks:
        a, b = readings[victim], readings[attack]
        cosines.append(float(a.vector @ b.vector))
        risks.append(verifier.assess(b.wording, a.wording, cosines[-1]).risk)
    share = sum(risk < threshold for risk in risks) / len(attacks)
    fixed = sum(cosine > 0.8 for cosine in cosines) / len(attacks)  # the usual setting elsewhere
    remark = f"of {len(attacks)} attacks, each the nearest of up to {TRIES}; a cosine above 0.8: {fixed:.3f}"
    samples = [
        {"victim": victim, "attack": attack, "risk": risk}
        for (victim, attack), risk in zip(attacks, risks, strict=True)
    ]
    return Findings([Finding("collision_attack_success", share, remark)], {"collisions": samples})


def craft(victim: str, material: Material, randomness: random.Random) -> list[str]:
    """Questions with another answer, each a small change of the victim's."""
    made = {randomness.choice(OTHER)(victim, material, randomness) for _ in range(TRIES)}
    return sorted(text for text in made if text is not None and text != victim)


def nearest(victim: str, tries: Sequence[str], readings: dict[str, Reading]) -> str:
    """The one whose vector is nearest to the victim's."""
    vector = readings[victim].vector
    return max(tries, key=lambda text: float(readings[text].vector @ vector))


def find_threshold(setup: CacheSetup, lexicon: Lexicon, model: SentenceEmbedder, verifier: Verifier) -> float:
    """The middle one of those that the trap pairs' folds choose."""
    pairs = read_pairs(setup.get_data())
    readings = read_texts([text for pair in pairs for text in (pair.a, pair.b)], lexicon, model)
    topics = split_topics([(pair.a, pair.b) for pair in pairs])
    judged = []
    for pair, topic in zip(pairs, topics, strict=True):
        a, b = readings[pair.a], readings[pair.b]
        risk = verifier.assess(b.wording, a.wording, float(a.vector @ b.vector)).risk
        judged.append(Judged(risk, pair.is_same, topic))
    thresholds = sorted(find_rate(judged).thresholds)
    return thresholds[len(thresholds) // 2]
