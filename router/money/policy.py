"""What is done where money can't be counted or asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MoneyPolicy:
    """
    How strict a router is with requests that count against a hard budget.

    Attributes:
        allows_unpriced: whether a target without a price may be used all the same, and costs nothing.
        spends_leased: whether leased money may be spent while Control is away; else such requests are refused then.
    """

    allows_unpriced: bool = False
    spends_leased: bool = True
