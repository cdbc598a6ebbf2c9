"""What is read back of a segment is what was written whole, by its last writer."""

import random
from pathlib import Path

import pytest

from turnout.router.spool.segment import Orphan, Segment, read_records


def written(path: Path, *records: bytes) -> bytes:
    """A file after its writer has gone."""
    segment = Segment.create(path, 4096)
    assert all(segment.try_append(record) for record in records)
    segment.close(keeps=True)
    return path.read_bytes()


def test_records_come_back_in_order(tmp_path: Path) -> None:
    records = [random.Random(1).randbytes(size) for size in (1, 300, 17)]
    assert read_records(written(tmp_path / "s", *records)) == records


def test_a_last_record_that_was_torn_anywhere_is_left_out_and_the_others_stay(tmp_path: Path) -> None:
    whole = written(tmp_path / "s", b"first", b"last-of-all")
    began = whole.index(b"last-of-all") - 8
    for cut in range(began, began + 8 + len(b"last-of-all")):
        torn = whole[:cut] + bytes(len(whole) - cut)
        assert read_records(torn) == [b"first"], cut
        assert read_records(whole[:cut]) == [b"first"], cut


def test_a_changed_byte_ends_the_records_there(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "s", b"first", b"second", b"third"))
    whole[whole.index(b"second")] ^= 1
    assert read_records(bytes(whole)) == [b"first"]


def test_records_of_an_epoch_before_do_not_count_even_where_the_new_ones_end_exactly_before_them(
    tmp_path: Path,
) -> None:
    segment = Segment.create(tmp_path / "s", 4096)
    for record in (b"old-1", b"old-2", b"old-3"):
        segment.try_append(record)
    segment.clear()
    segment.try_append(b"new-1")
    segment.close(keeps=True)
    assert read_records((tmp_path / "s").read_bytes()) == [b"new-1"]


def test_a_file_of_somebody_else_has_no_records(tmp_path: Path) -> None:
    assert read_records(b"") == []
    assert read_records(b"SQLite format 3\x00" + bytes(100)) == []


def test_a_full_segment_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path / "s", 4096)
    assert segment.try_append(bytes(4000))
    assert not segment.try_append(bytes(100))
    segment.close(keeps=True)
    assert read_records((tmp_path / "s").read_bytes()) == [bytes(4000)]


def test_nobody_finds_a_segment_whose_writer_lives(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path / "s", 4096)
    segment.try_append(b"row")
    assert Orphan.find(tmp_path / "s") is None
    segment.close(keeps=True)
    found = Orphan.find(tmp_path / "s")
    assert found is not None
    with found:
        assert found.records == [b"row"]
        assert Orphan.find(tmp_path / "s") is None, "one sweeps it"
        found.remove()
    assert Orphan.find(tmp_path / "s") is None


def test_a_disk_without_room_is_an_error_when_the_file_is_made_and_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"File too large|No space left"):
        Segment.create(tmp_path / "s", 2**62)
    assert list(tmp_path.iterdir()) == []
