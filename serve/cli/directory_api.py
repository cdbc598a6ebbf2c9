"""Organisations, teams, users and keys, by the admin API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.administering import open_admin
from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.screen import align, count, say

Shown = dict[str, Any]


class DirectoryApi:
    """What `turnout keys`, `orgs`, `teams` and `users` ask of Control; raises Refusal as AdminApi does."""

    def __init__(self, admin: AdminApi, word: str) -> None:
        """
        Args:
            word: `key`, `organization`, `team` or `user`: the routes' first part.
        """
        self._admin = admin
        self._word = word

    def make(self, verb: str, fields: Mapping[str, object]) -> Shown:
        """Make or change one: `generate`, `new`, `update`, `block`…; refused where a router doesn't follow."""
        return _followed(self._admin.ask("POST", f"/{self._word}/{verb}", dict(fields)))

    def delete(self, ids: Sequence[str]) -> list[str]:
        """Delete some; the ids of all that went."""
        gone = _followed(self._admin.ask("POST", f"/{self._word}/delete", {f"{self._word}_ids": list(ids)}))
        found: list[str] = gone["deleted_keys" if self._word == "key" else "deleted"]
        return found

    def get(self, wanted: str) -> Shown:
        """One, with what follows for it from all levels."""
        query = urlencode({f"{self._word}_id": wanted})
        found: Shown = self._admin.ask("GET", f"/{self._word}/info?{query}")["info"]
        return found

    def list_all(self, query: Mapping[str, str | None]) -> list[Shown]:
        """All that there are, page by page."""
        wanted = {name: value for name, value in query.items() if value}
        if self._word != "key":
            found: list[Shown] = self._admin.ask("GET", f"/{self._word}/list")[f"{self._word}s"]
            return [each for each in found if all(each.get(name) == value for name, value in wanted.items())]
        rows: list[Shown] = []
        page, pages = 1, 1
        while page <= pages:
            answer = self._admin.ask("GET", f"/key/list?{urlencode({**wanted, 'page': page, 'size': 1000})}")
            rows += answer["keys"]
            page, pages = page + 1, answer["total_pages"]
        return rows


@contextmanager
def open_directory(file: Path | None, word: str) -> Iterator[DirectoryApi]:
    """The directory of the cluster with this file, or of the only one that's up; `word` as for DirectoryApi."""
    with open_admin(file) as admin:
        yield DirectoryApi(admin, word)


def tell(shown: Shown, own_id: str, done: str) -> None:
    """Say what was done, and where it is in force."""
    say(f"{shown[own_id]} {done}, at {count(len(shown['reach']['acknowledged']), 'router')}")


def show(shown: Shown, *, as_json: bool) -> None:
    """Print one in full: what it says itself, then what follows from all levels."""
    if as_json:
        say(json.dumps(shown))
        return
    effective = {f"effective {name}": value for name, value in shown["effective"].items()}
    rows = {**{name: value for name, value in shown.items() if name != "effective"}, **effective}
    for line in align([(name, _write(value)) for name, value in rows.items() if value not in (None, [], {})]):
        say(line)


def show_rows(found: Sequence[Shown], columns: Mapping[str, str], *, as_json: bool) -> None:
    """Print a list: a line for each, with these columns (title to field); nothing where there's none."""
    if as_json:
        say(json.dumps(found))
    elif found:
        for line in align(
            [tuple(columns), *(tuple(_write(each.get(name)) for name in columns.values()) for each in found)]
        ):
            say(line)


def _write(value: Any) -> str:
    if value in (None, [], {}):
        return "-"
    match value:
        case list():
            return ", ".join(_write(each) for each in value)
        case dict():
            return " ".join(f"{name}={_write(each)}" for name, each in value.items() if each not in (None, "", [], {}))
        case bool():
            return "yes" if value else "no"
    return str(value)


def _followed(answer: Shown) -> Shown:
    late: list[str] = answer["reach"]["late"]
    if late:
        raise Refusal(
            f"it is kept, but {count(len(late), 'router')} doesn't go by it yet: {', '.join(late)}",
            "`turnout status` says how they are",
        )
    return answer
