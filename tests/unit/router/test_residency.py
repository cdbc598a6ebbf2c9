"""Where a caller lets its prompt go is read from one header."""

import pytest

from turnout.models.errors import BadRequest
from turnout.router.residency import Residency, both, read_residency


@pytest.mark.parametrize(
    ("label", "residency"),
    [
        (b"local", Residency(is_local_only=True)),
        (b"eu", Residency(regions=frozenset({"eu"}))),
        (b"EU, ch-1", Residency(regions=frozenset({"eu", "ch-1"}))),
        (b"no-retention", Residency(is_private=True)),
        (b"eu,no-retention", Residency(regions=frozenset({"eu"}), is_private=True)),
        (b"local,no-retention", Residency(is_local_only=True, is_private=True)),
    ],
)
def test_labels_are_read(label: bytes, residency: Residency) -> None:
    assert read_residency(label) == residency


@pytest.mark.parametrize("label", [b"", b"local,eu", b"e u", b"eu,", b"-eu", b"\xff"])
def test_a_label_that_makes_no_sense_is_refused(label: bytes) -> None:
    with pytest.raises(BadRequest, match="x-turnout-residency"):
        read_residency(label)


def test_two_rules_leave_what_both_allow() -> None:
    eu, both_allow = frozenset({"eu"}), frozenset({"eu", "us"})
    assert both(None, None) is None
    assert both(eu, None) == both(None, eu) == eu
    assert both(eu, both_allow) == eu
    assert both(eu, frozenset({"us"})) == frozenset()
