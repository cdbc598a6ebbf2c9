"""Bodies come out as they went in, however they were cut, and broken chunks are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.models.errors import BadRequest, BodyTooLarge
from turnout.serve.edge.bodies import ChunkedBody, SizedBody


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


def feed_in_pieces(body: SizedBody | ChunkedBody, data: bytes, sizes: list[int]) -> bytes:
    """Feed `data`, cut by `sizes`, until the body is whole; returns what is left."""
    for size in (*sizes, len(data)):
        piece, data = data[:size], data[size:]
        rest = body.feed(piece)
        if rest is not None:
            return rest + data
    raise AssertionError("the body didn't end")


SIZES = st.lists(st.integers(1, 50), max_size=60)


@given(st.lists(st.binary(max_size=300), max_size=20), SIZES, st.binary(max_size=20))
def test_a_chunked_body_comes_whole_from_any_pieces(pieces: list[bytes], sizes: list[int], after: bytes) -> None:
    body = ChunkedBody(10_000)
    assert feed_in_pieces(body, chunked(pieces) + after, sizes) == after
    assert body.content() == b"".join(pieces)


@given(st.binary(min_size=1, max_size=300), SIZES, st.binary(max_size=20))
def test_a_sized_body_comes_whole_from_any_pieces(content: bytes, sizes: list[int], after: bytes) -> None:
    body = SizedBody(len(content))
    assert feed_in_pieces(body, content + after, sizes) == after
    assert body.content() == content


def test_extensions_and_trailers_are_dropped() -> None:
    body = ChunkedBody(100)
    assert body.feed(b'3;a=b; c="d"\r\nabc\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\nnext') == b"next"
    assert body.content() == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x1\r\n",
        b" 1\r\n",
        b"1 \r\n",
        b"1_0\r\n",
        b"123456789\r\n",
        b"1\na",
        b"1\r\na\n",
        b"1\r\nab\r\n",
        b"1\r\na0\r\n\r\n",
        b"1;\x00\r\n",
        b"1;a\rb\r\n",
        b"1;" + b"x" * 2000,
        b"1;" + b"x" * 900 + b"\r\na\r\n" + (b"1;" + b"x" * 900 + b"\r\na\r\n") * 4,
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"0\r\na : x\r\n\r\n",
        b"0\r\na: x\x00\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 2000,
        b"0\r\n\n",
        b"f" * 3000,
    ],
)
def test_broken_framing_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        ChunkedBody(1_000_000).feed(data)


def test_a_chunk_over_the_limit_is_refused_before_it_comes() -> None:
    body = ChunkedBody(10)
    assert body.feed(b"A\r\n0123456789\r\n") is None
    with pytest.raises(BodyTooLarge):
        body.feed(b"1\r\n")


def test_chunks_of_a_byte_are_taken_in_small_numbers_only() -> None:
    assert ChunkedBody(1_000_000).feed(b"1\r\nx\r\n" * 10_000) is None
    with pytest.raises(BadRequest, match="too small"):
        ChunkedBody(1_000_000).feed(b"1\r\nx\r\n" * 20_000)
