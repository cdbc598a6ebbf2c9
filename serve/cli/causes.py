"""Says in plain words why a cluster didn't start, from what Ray and the applications left in messages and logs."""

import re

_KNOWN = (
    (
        r"Address already in use|is held by another program",
        "a port of this cluster is taken by another program: change `port` or `admin_port`, or stop the other",
    ),
    (
        r"Failed to connect to Ray cluster|Could not connect to.*GCS",
        "there is no Ray cluster where RAY_ADDRESS, or the last `ray start` here, points",
    ),
    (
        r"AuthenticationError|Invalid or missing authentication token",
        "the Ray cluster refuses our token: RAY_AUTH_TOKEN_PATH should name the cluster's token file",
    ),
    (r"[Vv]ersion mismatch", "the Ray cluster runs another version of Ray or Python than this environment"),
    (
        r"AF_UNIX path length|socket path.*too long",
        "Ray's folder has too long a name for its sockets: set RAY_TMPDIR to a shorter one",
    ),
    (
        r"current node timed out during startup",
        "the machine is too busy for Ray, which waits 30 s for its own processes: try again",
    ),
    (r"No space left on device", "the disk is full"),
    (
        r"OutOfMemoryError|was killed due to the node running low on memory|Cannot allocate memory",
        "the machine ran out of memory",
    ),
    (
        r"No such file or directory: '?serve'?|No module named 'ray'",
        "Ray Serve isn't installed in this Python environment",
    ),
)
_ERROR = re.compile(r"^(?:[\w.]*\.)?(\w*(?:Error|Exception|NotOnDisk|Failed|Refused|Unavailable)): (.+)$", re.MULTILINE)


def explain(text: str) -> str | None:
    """The known cause that `text` (a message or the end of a log) speaks of, or None."""
    return next((words for pattern, words in _KNOWN if re.search(pattern, text)), None)


def find_error(message: str) -> str | None:
    """The text of the last `SomeError: what` in a message that may be a traceback; None where there's no error in it."""
    errors = _ERROR.findall(message)
    return str(errors[-1][1]).strip() if errors else None


def last_line(message: str) -> str:
    """The line that says most: an error's, else the last."""
    if error := find_error(message):
        return error
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else ""
