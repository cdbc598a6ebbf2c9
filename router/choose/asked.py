"""A request as terms look at it."""

from collections.abc import Mapping

from turnout.models.openai.question import read_question
from turnout.router.call import Call
from turnout.router.choose.language import tell_language


class Asked:
    """
    What a term may look at; what costs something is made when a term first asks for it.

    Attributes:
        call: the request.
        headers: by lower-case name.
    """

    __slots__ = ("_language", "_question", "call", "headers")

    def __init__(self, call: Call, headers: Mapping[bytes, bytes]) -> None:
        self.call = call
        self.headers = headers
        self._question: str | None = None
        self._language: str | None = None

    def __repr__(self) -> str:
        return f"<Asked {self.call.arrival.id}>"

    @property
    def question(self) -> str:
        """The text that it's judged by."""
        if self._question is None:
            self._question = read_question(self.call.request)
        return self._question

    @property
    def language(self) -> str:
        """Of the question: an ISO 639-1 code, or "" where nothing tells."""
        if self._language is None:
            self._language = tell_language(self.question)
        return self._language
