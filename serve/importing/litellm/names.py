"""Public names as the new file can have them."""

import re

_PUBLIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}|(?:[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,126})?\*")
_ODD = re.compile(r"[^A-Za-z0-9._:/@+*-]+")


def tidy_name(name: str) -> str:
    """`name` itself if it may be a public name, else the nearest that may; "" where there's none."""
    if _PUBLIC.fullmatch(name):
        return name
    tidy = _ODD.sub("-", name).strip("-./:@+_")[:128]
    return tidy if _PUBLIC.fullmatch(tidy) else ""


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern`, which may end in `*`, stands for `name`."""
    return pattern == name or (pattern.endswith("*") and name.startswith(pattern[:-1]))
