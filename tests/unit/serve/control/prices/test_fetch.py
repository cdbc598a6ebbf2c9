"""Price tables come from a file or an address, whole, and from nowhere else."""

from pathlib import Path

import httpx
import pytest

from tests.fakes_http import FakeHttp
from turnout.models.catalog.table import MOST_BYTES, BadTable
from turnout.serve.config.prices import PricesSettings
from turnout.serve.control.prices.fetch import fetch_table


async def test_a_file_and_an_address_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_bytes(b"a table")
    assert await fetch_table(PricesSettings(file=tmp_path / "prices.json")) == b"a table"
    with FakeHttp(answers={"GET /prices.json": (200, {}, b"a table")}) as server:
        assert await fetch_table(PricesSettings(url=f"{server.url}/prices.json")) == b"a table"


@pytest.mark.parametrize("answer", [(500, {}, b"a table"), (404, {}, b""), (302, {"location": "/prices.json"}, b"")])
async def test_an_answer_that_is_no_table_is_an_error_and_redirects_are_not_followed(
    answer: tuple[int, dict[str, str], bytes],
) -> None:
    with FakeHttp(answers={"GET /": answer, "GET /prices.json": (200, {}, b"a table")}) as server:
        with pytest.raises(httpx.HTTPError):
            await fetch_table(PricesSettings(url=server.url))
        assert [asked.path for asked in server.asked] == ["/"]


async def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "prices.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(BadTable, match="bytes"):
        await fetch_table(PricesSettings(file=tmp_path / "prices.json"))


async def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="prices"):
        await fetch_table(PricesSettings(file=tmp_path / "prices.json"))
