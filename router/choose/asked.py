"""A request as terms look at it."""

from collections.abc import Mapping

import msgspec

from turnout.router.call import Call


class Asked(msgspec.Struct, frozen=True):
    """
    What a term may look at.

    Attributes:
        call: the request.
        headers: by lower-case name.
    """

    call: Call
    headers: Mapping[bytes, bytes]
