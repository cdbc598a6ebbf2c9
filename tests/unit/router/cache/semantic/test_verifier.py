"""What differs in what matters is refused; other words for the same aren't."""

import time

import pytest

from tests.wordings import word
from turnout.router.cache.semantic.alignment import FEATURES, compare
from turnout.router.cache.semantic.lexicon import Lexicon, load_lexicon
from turnout.router.cache.semantic.verifier import Assessment, Verifier

REFUSED = [
    ("Does the pool open at 7 on weekdays?", "Does the pool open at 9 on weekdays?", "number"),
    ("How do I enable the alarm?", "How do I disable the alarm?", "opposite"),
    ("Is the bridge open in March?", "Is the bridge open in April?", "alternative"),
    ("How far is it to Lisbon by train?", "How far is it to Porto by train?", "names"),
    (
        "How do I move photos from the tablet to the laptop?",
        "How do I move photos from the laptop to the tablet?",
        "role",
    ),
    ("Which fertiliser suits my orchids?", "Which fertiliser suits my cactus?", "slot"),
    ("What are the rules of chess?", "What are the rules of underwater chess?", "inserted"),
]
SAME = [
    ("How do I cancel my subscription?", "How can I cancel my subscription please?"),
    ("How do I purchase two tickets?", "how do i buy 2 tickets"),
    ("Where's my parcel?", "WHERE IS MY PARCEL?"),
]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


def assess(a: str, b: str, lexicon: Lexicon, cosine: float = 0.95) -> Assessment:
    return Verifier.load().assess(word(a, lexicon), word(b, lexicon), cosine)


@pytest.mark.parametrize(("a", "b", "code"), REFUSED)
def test_a_difference_that_changes_the_answer_is_refused_however_like_the_vectors_are(
    a: str, b: str, code: str, lexicon: Lexicon
) -> None:
    found = dict(zip(FEATURES, compare(word(a, lexicon), word(b, lexicon), 0.99), strict=True))
    assert found[code]
    assert assess(a, b, lexicon, 0.99).risk == assess(b, a, lexicon, 0.99).risk == 1.0


@pytest.mark.parametrize(("a", "b"), SAME)
def test_another_wording_of_the_same_is_safe(a: str, b: str, lexicon: Lexicon) -> None:
    assert assess(a, b, lexicon).risk < 0.2


def test_the_same_question_for_somebody_else_is_riskier(lexicon: Lexicon) -> None:
    mine = assess("Can I borrow a bike?", "can I borrow a bike", lexicon)
    theirs = assess("Can I borrow a bike?", "Can my child borrow a bike?", lexicon)
    assert theirs.risk > mine.risk + 0.3
    assert "person" in theirs.reasons


def test_a_negation_alone_is_nearly_certain_to_change_the_answer(lexicon: Lexicon) -> None:
    assert assess("What if I pay the bill?", "What if I do not pay the bill?", lexicon).risk > 0.9


def test_a_misspelt_word_is_still_the_word(lexicon: Lexicon) -> None:
    right = word("How do I water my rhododendron?", lexicon)
    wrong = word("How do I water my rhododenron?", lexicon, frozenset({"rhododenron"}))
    assert Verifier.load().assess(wrong, right, 0.9).risk < 0.2


def test_names_are_never_taken_for_misspelt_ones(lexicon: Lexicon) -> None:
    one = word("What does Marianne think?", lexicon)
    other = word("What does Mariane think?", lexicon, frozenset({"Mariane"}))
    assert Verifier.load().assess(one, other, 0.95).risk == 1.0


@pytest.mark.parametrize("text", ["", "?!", "你好", "the of and"])
def test_texts_without_terms_can_be_compared(text: str, lexicon: Lexicon) -> None:
    assert 0 <= assess(text, "How do I pay?", lexicon).risk <= 1
    assert 0 <= assess(text, text, lexicon, 1.0).risk <= 1


def test_weights_of_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="'seventh'"):
        Verifier.read({"seventh": 1.0})


def test_nothing_speaks_against_a_question_itself(lexicon: Lexicon) -> None:
    text = word("How do I send 20 euros from Rome to my brother in Oslo?", lexicon)
    found = dict(zip(FEATURES, compare(text, text, 1.0), strict=True))
    assert [name for name, value in found.items() if value > 1e-6] == ["one"]


def test_a_pair_is_assessed_in_a_millisecond(lexicon: Lexicon) -> None:
    one = word("Which foods should I eat before surgery if I have diabetes and take 20 mg of insulin?", lexicon)
    other = word("Which foods should I avoid before surgery if I have diabetes and take 40 mg of insulin?", lexicon)
    verifier = Verifier.load()
    began = time.process_time()
    for _ in range(20):
        verifier.assess(one, other, 0.9)
    assert (time.process_time() - began) / 20 < 0.005


def test_morning_isnt_evening_where_another_word_has_the_same_form(lexicon: Lexicon) -> None:
    assert assess("How busy is the ferry at 8 am?", "How busy is the ferry at 8 pm?", lexicon, 0.99).risk == 1.0
