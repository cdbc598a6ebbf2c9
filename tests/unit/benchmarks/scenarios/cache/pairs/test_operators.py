"""Harmless operators leave the meaning, harmful ones change it, and all say so where a text offers no hold."""

import random

import pytest

from turnout.benchmarks.scenarios.cache.pairs import operators
from turnout.benchmarks.scenarios.cache.pairs.operators import Material, Operator
from turnout.router.cache.semantic.lexicon import load_lexicon


@pytest.fixture(scope="module")
def material() -> Material:
    return Material(
        load_lexicon(),
        synonyms=[["cancel", "end"]],
        opposites=[(["open"], ["closed"])],
        alternatives=[["monday", "friday"], ["account", "joint account"]],
        names=[["Ann", "Bob", "Cid"]],
        words=["lantern", "walrus"],
    )


@pytest.mark.parametrize(
    ("operator", "text", "wanted"),
    [
        (operators.use_synonym, "How do I cancel my order?", "How do I end my order?"),
        (operators.use_opposite, "Are you open today?", "Are you closed today?"),
        (operators.use_alternative, "Are you there on Monday?", "Are you there on friday?"),
        (operators.specialise, "How much is in my account?", "How much is in my joint account?"),
        (operators.negate, "Can I pay by card?", "Can I not pay by card?"),
        (operators.contract, "What is my balance?", "what's my balance?"),
        (operators.exchange_word, "Is the lantern lit?", "Is the walrus lit?"),
    ],
)
def test_an_operator_changes_one_thing(operator: Operator, text: str, wanted: str, material: Material) -> None:
    made = {operator(text, material, random.Random(seed)) for seed in range(8)} - {None}
    assert made == {wanted}


def test_a_number_becomes_another(material: Material) -> None:
    made = {operators.change_number("A table for 4", material, random.Random(seed)) for seed in range(8)}
    assert "A table for 4" not in made
    assert len(made) > 1


@pytest.mark.parametrize(
    "operator",
    [operators.use_synonym, operators.change_number, operators.negate, operators.misspell, operators.qualify],
)
def test_a_text_without_a_hold_stays(operator: Operator, material: Material) -> None:
    assert operator("Hm hm", material, random.Random(1)) is None
