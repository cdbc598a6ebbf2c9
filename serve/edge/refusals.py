"""Errors that only the edge tells: what HTTP itself doesn't allow here."""

from turnout.models.errors import BadRequest


class ExpectationFailed(BadRequest):
    """`expect` asks for something other than `100-continue`."""

    status = 417


class MethodNotImplemented(BadRequest):
    """A method that no route here has, such as CONNECT or TRACE."""

    status = 501


class VersionNotSupported(BadRequest):
    """An HTTP version other than 1.0 and 1.1, or a client that begins with HTTP/2."""

    status = 505
