"""Only requests with the replica's secret get through."""

import pytest

from tests.contracts.edge.handlers import echo
from tests.fakes import FakeOut
from turnout.models.exchange import RequestHead
from turnout.serve.edge.secret import require_secret


def head(**headers: bytes) -> RequestHead:
    return RequestHead(
        b"GET", b"/", b"", {name.replace("_", "-").encode(): value for name, value in headers.items()}, ""
    )


async def test_the_right_secret_gets_through() -> None:
    out = FakeOut()
    await require_secret(echo, b"s3cret")(head(x_turnout_secret=b"s3cret"), b"", out)
    assert (out.status, out.body) == (200, b"GET /? ")


@pytest.mark.parametrize(
    "headers", [{}, {"x_turnout_secret": b""}, {"x_turnout_secret": b"s3cre"}, {"x_turnout_secret": b"\xff"}]
)
async def test_any_other_is_answered_401_in_openai_form(headers: dict[str, bytes]) -> None:
    out = FakeOut()
    await require_secret(echo, b"s3cret")(head(**headers), b"", out)
    assert out.status == 401
    assert b'"type":"authentication_error"' in out.body


def test_an_empty_secret_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="everybody"):
        require_secret(echo, b"")
