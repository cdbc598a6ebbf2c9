"""What may follow from a failed attempt, by its cause: one table."""

from collections.abc import Mapping, Sequence

import msgspec

from turnout.models.cause import Cause
from turnout.router.catalogue import Fallbacks


class Rule(msgspec.Struct, frozen=True):
    """
    What is tried after one cause.

    Attributes:
        rotates: another endpoint or target of the same model: another replica, key or provider.
        repeats: the same place again, after a pause.
        falls_back: another model.
        is_silent: the place said nothing for so long that this request never goes there again.
        is_fault: it says that the target works badly, which its breaker counts; None says nothing about the target.
    """

    rotates: bool
    repeats: bool
    falls_back: bool
    is_silent: bool = False
    is_fault: bool | None = True


RULES: Mapping[Cause, Rule] = {
    Cause.NEVER_SENT: Rule(rotates=True, repeats=True, falls_back=True),
    Cause.CREDENTIALS: Rule(rotates=True, repeats=False, falls_back=True, is_fault=None),
    Cause.RATE_LIMITED: Rule(rotates=True, repeats=True, falls_back=True, is_fault=None),
    Cause.NO_SUCH_MODEL: Rule(rotates=True, repeats=False, falls_back=True, is_fault=None),
    Cause.OVERLOADED: Rule(rotates=True, repeats=True, falls_back=True),
    Cause.SERVER_ERROR: Rule(rotates=True, repeats=True, falls_back=True),
    Cause.NETWORK: Rule(rotates=True, repeats=True, falls_back=True),
    Cause.TIMEOUT: Rule(rotates=True, repeats=False, falls_back=True, is_silent=True),
    Cause.BROKEN_STREAM: Rule(rotates=True, repeats=True, falls_back=True),
    Cause.STALLED_STREAM: Rule(rotates=True, repeats=False, falls_back=True, is_silent=True),
    Cause.CONTEXT_WINDOW: Rule(rotates=False, repeats=False, falls_back=True, is_fault=False),
    Cause.CONTENT_POLICY: Rule(rotates=False, repeats=False, falls_back=True, is_fault=False),
    Cause.BAD_REQUEST: Rule(rotates=False, repeats=False, falls_back=False, is_fault=False),
    Cause.BUDGET: Rule(rotates=False, repeats=False, falls_back=True, is_fault=None),
    Cause.DEADLINE: Rule(rotates=False, repeats=False, falls_back=False, is_fault=None),
}
"""A request that's refused for what it is would be refused everywhere; a place that failed says nothing about the others."""


def fallbacks_for(
    cause: Cause | None, configured: Fallbacks, asked: Sequence[str] | None, others: Sequence[str] = ()
) -> Sequence[str]:
    """
    Names of the models that may answer after `cause`, in order.

    Args:
        cause: of the last attempt, or None when none could begin.
        configured: of the model that was asked for.
        asked: the caller's own list, which stands for every cause; () is none at all.
        others: of the models that were there to choose from; they come before all others, except after a refusal of the content.
    """
    if cause is not None and not RULES[cause].falls_back:
        return ()
    if others and cause is not Cause.CONTENT_POLICY:
        return (*others, *fallbacks_for(cause, configured, asked))
    if asked is not None:
        return asked
    match cause:
        case Cause.CONTENT_POLICY:
            return configured.content_policy
        case Cause.CONTEXT_WINDOW:
            return configured.context_window or configured.any_error
        case Cause.BUDGET:
            return configured.budget
        case Cause.RATE_LIMITED:
            return (*configured.rate_limit, *configured.any_error)
        case _:
            return configured.any_error
