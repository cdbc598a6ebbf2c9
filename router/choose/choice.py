"""What was chosen, for a model that leaves it open who answers."""

import msgspec

from turnout.models.decision import Weighed


class Choice(msgspec.Struct, frozen=True):
    """
    The model that a request begins with.

    Attributes:
        model: its public name.
        reason: in one word, for `x-turnout-route-reason`, such as `rule_2`.
        others: models that take over when it can't answer, in order, before any fallbacks.
        weighed: what was compared, where models were.
    """

    model: str
    reason: str
    others: tuple[str, ...] = ()
    weighed: tuple[Weighed, ...] = ()


def join(first: Choice, then: Choice) -> Choice:
    """The choice of a model whose own choice is `then`: it answers, and what was left of both takes over."""
    return Choice(
        then.model, f"{first.reason}+{then.reason}", (*then.others, *first.others), then.weighed or first.weighed
    )
