"""Who may ask, and how much all together: the config's master key and gateway-wide limits."""

from collections.abc import Mapping

from turnout.serve.config.part import Part
from turnout.serve.importing.litellm.references import References
from turnout.serve.importing.litellm.source import Source, find_count, find_names
from turnout.serve.importing.notes import Notes

MASTER_KEY = "LITELLM_MASTER_KEY"


def read_auth(source: Source, references: References, notes: Notes) -> Mapping[str, object]:
    """`auth` of the new file: the master key for clients that use it, or anybody on this machine."""
    general = source.root.at("general_settings")
    part = source.take(general, "master_key")
    reference = None if part.content is None else references.name_secret(part, MASTER_KEY)
    if reference is None:
        notes.change(
            part if part.content is not None else Part((), None),
            "without a master key anybody may ask; the new file listens on this machine only",
            "for others: auth.keys or keys of `turnout keys`, then args.host of the router",
        )
        return {"open_on_loopback": True}
    notes.change(
        part,
        "the master key is one client key among others; Control makes its own key for /admin/*",
        "it needs 8 characters or more; give each client its own: turnout keys generate",
    )
    return {"keys": reference}


def read_limits(source: Source) -> Mapping[str, int]:
    """`limits` of the new file: of all requests together."""
    most = find_count(source.take(source.root.at("general_settings"), "global_max_parallel_requests"))
    return {"max_concurrent": most} if most else {}


def read_alerts(source: Source, notes: Notes) -> list[Mapping[str, str]]:
    """`alerts` of Control."""
    part = source.take(source.root.at("general_settings"), "alerting")
    alerts: list[Mapping[str, str]] = []
    for name in find_names(part):
        if name == "slack":
            notes.change(
                part, "Slack is told of budgets that are nearly spent", "the rest is in /metrics: let Prometheus alert"
            )
            alerts.append({"kind": "slack", "url": "env:SLACK_WEBHOOK_URL"})
        else:
            notes.leave_out(part, f"there are no alerts by {name!r}", "a webhook is args.alerts of control, kind: json")
    return alerts
