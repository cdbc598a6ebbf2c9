"""Tells which language a question is in, by its script and its smallest words: enough to route by, in microseconds."""

import re
from collections.abc import Mapping

READ_CHARACTERS = 200
"""Of a question; more says hardly more."""

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    "zh": re.compile("[\u4e00-\u9fff\u3400-\u4dbf]"),
    "uk": re.compile("[\u0404\u0406\u0407\u0454\u0456\u0457\u0490\u0491]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "fa": re.compile("[\u067e\u0686\u0698\u06af\u06cc]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
"""The first whose characters are there wins: kana make Japanese of Chinese characters, and a few letters Ukrainian of Cyrillic."""

_WORDS: Mapping[str, str] = {
    "en": "the of and to is are what how in that for you with this my can do does why which it on a write",
    "de": "der die das und ist nicht ich ein eine wie was zu mit für auf den von im sie wir warum kann es dem bitte",
    "fr": "le la les et est une un des que pour dans je vous qui comment pas sur avec ce du quelle pourquoi quel mon",
    "es": "el la los las y es una un que para en cómo por con qué de no cuál mi del al se puedo cuáles escribe",
    "it": "il lo gli e è una un che per di come non con cosa sono quale mi della del perché puoi nel dei scrivi",
    "pt": "o os as e é uma um que para em como por com não qual do da meu no na você posso quais dos escreva",
    "nl": "de het een en is niet ik wat hoe van voor met op dat zijn waarom kan mijn te je welke aan er schrijf",
    "pl": "i w nie jest to na się co jak że z do dla czy dlaczego który mój o po są napisz",
    "sv": "och att det är en ett jag som på inte hur vad för med till av varför kan min den skriv",
    "tr": "ve bir bu ne nasıl için ile mi mı çok neden bana benim olarak var değil en da de yaz",
}


def _index() -> Mapping[str, tuple[str, ...]]:
    languages: dict[str, tuple[str, ...]] = {}
    for language, words in _WORDS.items():
        for word in words.split():
            languages[word] = (*languages.get(word, ()), language)
    return languages


_LANGUAGES_OF = _index()
_WORD = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_FOREIGN = re.compile("[\u0250-\uffff]")
_LEAST_SHARE = 0.2
"""Of the letters that a foreign script needs: a name or a formula in another one doesn't make another language."""

_LEAST_WORDS = 2
"""One may be a variable's name."""


def tell_language(text: str) -> str:
    """The ISO 639-1 code of the language of `text`, or "" where nothing tells."""
    text = text[:READ_CHARACTERS]
    if not text.isascii() and len(_FOREIGN.findall(text)) > _LEAST_SHARE * len(_LETTER.findall(text)):
        return next((language for language, script in _SCRIPTS.items() if script.search(text)), "")
    counts = dict.fromkeys(_WORDS, 0)
    for word in _WORD.findall(text.lower()):
        for language in _LANGUAGES_OF.get(word, ()):
            counts[language] += 1
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] >= _LEAST_WORDS else ""
