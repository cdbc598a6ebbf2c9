"""A router's link to Control."""

from dataclasses import replace

import msgspec

from turnout.models.errors import BadRequest, NoTarget, UpstreamFailed
from turnout.models.http.collect import call
from turnout.models.ledger import Journal
from turnout.models.target import Endpoint
from turnout.models.upstream import Upstream, UpstreamRequest
from turnout.router.money.lease import Ask, Claim, Grant
from turnout.serve.control.internal import JOURNAL, LEASE, WATCH
from turnout.serve.control.report import POLL_S, RouterReport, WatchAnswer

_answers = msgspec.msgpack.Decoder(WatchAnswer)
_grants = msgspec.msgpack.Decoder(tuple[Grant, ...])


class ControlBank:
    """A `Bank` for one router: Control, by its link."""

    def __init__(self, link: "ControlLink", router: str) -> None:
        self._link = link
        self._router = router

    async def renew(self, claims: tuple[Claim, ...]) -> tuple[Grant, ...]:
        """See `Bank`."""
        return await self._link.renew_leases(Ask(self._router, claims))


class ControlLink:
    """
    Calls Control at the endpoint that discovery last named; knows of no retry.

    Control has one replica, so one endpoint; while it moves there's none, and calls fail at once.
    """

    def __init__(self, upstream: Upstream, timeout_s: float = 5.0) -> None:
        """
        Args:
            upstream: carries the calls; the caller closes it.
            timeout_s: for a call, on top of what Control may hold a report back.
        """
        self._upstream = upstream
        self._timeout_s = timeout_s
        self._endpoint: Endpoint | None = None

    def __repr__(self) -> str:
        return f"ControlLink({self._endpoint.id if self._endpoint else None!r})"

    @property
    def is_connected(self) -> bool:
        """Whether Control's address is known; whether it answers is known only by asking."""
        return self._endpoint is not None

    def set_endpoint(self, endpoint: Endpoint | None) -> None:
        """Take the endpoint that discovery found; None when there's none."""
        self._endpoint = None if endpoint is None else replace(endpoint, base_path="")

    async def post_journal(self, journal: Journal) -> None:
        """
        Returns once Control has the rows on disk. Sending them again changes nothing.

        Raises:
            NoTarget: Control has no address now, or can't write.
            BadRequest: Control doesn't understand them, and never will.
            UpstreamFailed, UpstreamTimeout: they may or may not have arrived.
        """
        await self._post(JOURNAL, msgspec.msgpack.encode(journal), self._timeout_s)

    async def watch(self, report: RouterReport) -> WatchAnswer:
        """
        Report, and hear what's new: at once, or after `POLL_S` if nothing is. Raises as `post_journal` does.

        Call it again as soon as it returns; that's what keeps the lease.
        """
        body = await self._post(WATCH, msgspec.msgpack.encode(report), self._timeout_s + POLL_S)
        try:
            return _answers.decode(body)
        except msgspec.DecodeError as error:
            raise UpstreamFailed(f"Control's answer can't be understood: {error}") from error

    async def renew_leases(self, ask: Ask) -> tuple[Grant, ...]:
        """One grant for each claim, once they are on disk. Raises as `post_journal` does."""
        body = await self._post(LEASE, msgspec.msgpack.encode(ask), self._timeout_s)
        try:
            return _grants.decode(body)
        except msgspec.DecodeError as error:
            raise UpstreamFailed(f"Control's answer can't be understood: {error}") from error

    async def _post(self, path: str, body: bytes, timeout_s: float) -> bytes:
        if self._endpoint is None:
            raise NoTarget("Control has no address now.")
        answer = await call(self._upstream, self._endpoint, UpstreamRequest(path, body, is_stream=False), timeout_s)
        if 200 <= answer.status < 300:
            return answer.body
        text = f"Control answered {path} with {answer.status}: {answer.body[:500].decode(errors='replace')}"
        if answer.status == 503:
            raise NoTarget(text)
        raise BadRequest(text) if answer.status in (400, 413) else UpstreamFailed(text)
