"""Languages are told by script and small words; where nothing tells, nothing is said."""

import pytest

from turnout.router.choose.language import tell_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the difference between a list and a tuple?", "en"),
        ("Write me a poem about the sea", "en"),
        ("Wie funktioniert eine Wärmepumpe und was kostet sie?", "de"),
        ("Bitte fasse den Text für mich zusammen", "de"),
        ("Comment est-ce que je fais cuire des œufs dans une poêle ?", "fr"),
        ("¿Cómo se dice buenos días en inglés y por qué?", "es"),
        ("Come si prepara il ragù e quale pasta è la migliore?", "it"),
        ("Como é que eu faço uma reserva para o restaurante?", "pt"),
        ("Hoe maak ik een afspraak met de huisarts, en wat kost het?", "nl"),
        ("Jak napisać list motywacyjny i dlaczego to jest ważne?", "pl"),
        ("Hur lagar jag köttbullar och vad är det för sås till?", "sv"),
        ("Bu kod neden çalışmıyor ve nasıl düzeltebilirim?", "tr"),
        ("Как работает тепловой насос?", "ru"),
        ("Як працює тепловий насос і що це коштує?", "uk"),
        ("東京の天気はどうですか", "ja"),
        ("北京的天气怎么样", "zh"),
        ("오늘 날씨가 어때요?", "ko"),
        ("Πώς λειτουργεί η αντλία θερμότητας;", "el"),
        ("איך מכינים חומוס?", "he"),
        ("كيف حالك اليوم؟", "ar"),
        ("چگونه می‌توانم کمک بگیرم؟", "fa"),
        ("मौसम कैसा है?", "hi"),
        ("วันนี้อากาศเป็นอย่างไร", "th"),
        ("What does the Greek word λόγος mean in the text?", "en"),
        ("x = [1, 2, 3]; y == 42", ""),
        ("", ""),
    ],
)
def test_a_question_s_language(text: str, language: str) -> None:
    assert tell_language(text) == language


def test_only_the_beginning_is_read() -> None:
    assert tell_language("Was ist das? " + "the of and to " * 10_000) == tell_language(
        "Was ist das? " + "the of and to " * 40
    )
