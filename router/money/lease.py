"""What a router and Control say to each other about money: totals since a lease began, so that saying it twice changes nothing."""

from typing import Protocol

import msgspec

from turnout.models.access import Budget


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """
    What a router asks for of one budget; nano-USD throughout.

    Attributes:
        budget: its id.
        lease: the lease that the totals belong to, or 0 for none yet.
        needs: total to be granted so that the first who waits can go on.
        wants: total that would be good to have; never below `needs`.
        returned: total given back.
    """

    budget: str
    lease: int
    needs: int
    wants: int
    returned: int


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """
    What Control says of one budget; nano-USD throughout.

    A lease of another number than the claim's comes without anything new: the router takes its totals over and asks again.

    Attributes:
        budget: its id.
        terms: the budget, or None where there's none of this id any more.
        lease: number of the lease; 0 for a soft budget, which needs none.
        granted, returned, settled: totals of this lease; `settled` is what came with ledger rows.
        spent: by all routers, in the window that runs now.
        is_wanted: somebody needs money that others hold and don't use: give it back.
    """

    budget: str
    terms: Budget | None
    lease: int = 0
    granted: int = 0
    returned: int = 0
    settled: int = 0
    spent: int = 0
    is_wanted: bool = False


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """What a router sends to renew its leases."""

    router: str
    claims: tuple[Claim, ...]


class Bank(Protocol):
    """Where leases come from; Control is one."""

    async def renew(self, claims: tuple[Claim, ...]) -> tuple[Grant, ...]:
        """
        One grant for each claim, in order, once it's on disk.

        Raises:
            TurnoutError: Control can't be asked now; it may or may not have granted.
        """
        ...
