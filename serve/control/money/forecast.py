"""What a budget's window will have cost at its end, if it goes on as it began."""

from turnout.models.access import Budget
from turnout.serve.control.money.windows import ROLLING, Span

FEWEST_SHARE = 0.01
"""Of a window that must be over before anything is said about the rest."""


def forecast_nusd(terms: Budget, spent_nusd: int, span: Span, now_s: float) -> int | None:
    """Spending so far, carried on at the same rate to the window's end; None for windows without one, and in their first hundredth."""
    if span.ends_at_s is None or terms.window.startswith(ROLLING):
        return None
    length, elapsed = span.ends_at_s - span.began_at_s, now_s - span.began_at_s
    if elapsed < length * FEWEST_SHARE:
        return None
    return round(spent_nusd * (length / elapsed))
