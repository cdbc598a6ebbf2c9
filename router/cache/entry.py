"""An answer as it's kept, and its form in a store."""

import zlib

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """
    One answer.

    Attributes:
        key: see `key.py`.
        target: the target that had given it.
        body: a unary answer as JSON, whichever way it came.
        at_s: when it was kept, unix time.
        fresh_until_s: until when it's given at once.
        stale_until_s: until when it's given where nothing else can answer.
        input_tokens, output_tokens: what a hit saves.
        cost_nusd: what a hit saves, or None where nobody knows.
        slots: places of the epoch page that it depends on.
        epoch: the page's version when its request began; a slot that's newer makes it void.
    """

    key: bytes
    target: str
    body: bytes
    at_s: float
    fresh_until_s: float
    stale_until_s: float
    input_tokens: int
    output_tokens: int
    cost_nusd: int | None
    slots: tuple[int, ...]
    epoch: int

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.body) + _OVERHEAD_BYTES


_OVERHEAD_BYTES = 400
_CHECK_BYTES = 4
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def pack(entry: Entry) -> bytes:
    """The entry behind a checksum of itself."""
    packed = _encode(entry)
    return zlib.crc32(packed).to_bytes(_CHECK_BYTES, "little") + packed


def find_entry(key: bytes, packed: bytes) -> Entry | None:
    """The entry for `key` in `packed`, or None where it's broken, of another version, or another's."""
    content = packed[_CHECK_BYTES:]
    if zlib.crc32(content).to_bytes(_CHECK_BYTES, "little") != packed[:_CHECK_BYTES]:
        return None
    try:
        entry = _decode(content)
    except msgspec.DecodeError:
        return None
    return entry if entry.key == key else None
