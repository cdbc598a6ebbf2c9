"""The static list of client keys: its text form, and the hashes that the router keeps instead of the keys."""

import hashlib
import re

from turnout.models.access import Principal
from turnout.serve.config.secret import ConfigError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"[\x21-\x7e]{8,512}")
_HASH = re.compile(r"[0-9a-f]{64}")
TENANT = "default"


def hash_key(key: str) -> bytes:
    """BLAKE2b-256 of the key. Not a slow hash: keys are long and random, and every request needs it."""
    return hashlib.blake2b(key.encode(), digest_size=32).digest()


def parse_keys(text: str) -> dict[bytes, Principal]:
    """
    The keys of a list, by their hashes.

    Entries are separated by commas or lines; a line that starts with `#` is a comment. An entry is `KEY`, `ID=KEY`, or `ID=blake2b:HEX` with
    the 64 hex digits of the key's BLAKE2b-256 hash (`b2sum -l 256`), so that the list needn't hold keys at all. Without an ID, it is `key-`
    and the hash's first 8 digits. A key has 8 to 512 printable ASCII characters, no blanks or commas, and `=` at its end only.

    Raises:
        ConfigError: an entry can't be read or comes twice; says which one by its position, never by its text.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise ConfigError("the key list has no keys")
    keys: dict[bytes, Principal] = {}
    ids: set[str] = set()
    for position, entry in enumerate(entries, start=1):
        digest, key_id = _parse_entry(entry, position)
        if digest in keys or key_id in ids:
            raise ConfigError(f"entry {position} of the key list repeats a key or an id")
        ids.add(key_id)
        keys[digest] = Principal(TENANT, key_id)
    return keys


def _parse_entry(entry: str, position: int) -> tuple[bytes, str]:
    key_id, separator, key = entry.partition("=")
    if not separator or not key.strip("="):  # base64 may end in "=" or "=="
        key_id, key = "", entry
    if (key_id and not _ID.fullmatch(key_id)) or not _KEY.fullmatch(key):
        raise ConfigError(
            f"entry {position} of the key list isn't KEY, ID=KEY or ID=blake2b:HEX with a key of 8 to 512 characters"
        )
    if not key.startswith("blake2b:"):
        digest = hash_key(key)
    elif _HASH.fullmatch(key[8:]):
        digest = bytes.fromhex(key[8:])
    else:
        raise ConfigError(f"entry {position} of the key list isn't blake2b: and 64 hex digits in lower case")
    return digest, key_id or f"key-{digest.hex()[:8]}"
