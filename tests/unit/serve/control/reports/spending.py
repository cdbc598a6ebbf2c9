"""A store with spending in it, and a plain count of the same, for the report's tests."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from turnout.models.ledger import Journal, LedgerEntry
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.control.database import Connection
from turnout.serve.control.reports.fold import HOUR_NS
from turnout.serve.control.sql_store import SqlStore
from turnout.serve.control.store import Accepted

START_HOUR = 490_000
KEYS = {
    "k1": ("acme", "red", "ann"),
    "k2": ("acme", "blue", "bob"),
    "k3": ("other", "", ""),
    "file": ("default", "", ""),
}


def entry(n: int, **fields: Any) -> LedgerEntry:
    plain = LedgerEntry(
        f"r{n}",
        1,
        START_HOUR * HOUR_NS + n,
        "acme",
        "k1",
        "m",
        "far",
        "e",
        200,
        "",
        100,
        10,
        0,
        0,
        "provider",
        500,
        None,
        3,
        False,
    )
    return msgspec.structs.replace(plain, **fields)


def random_entry(rng: random.Random, n: int) -> LedgerEntry:
    key = rng.choice(list(KEYS))
    source = rng.choice(["provider", "provider", "estimated", ""])
    used = rng.randrange(1000) if source else 0
    return entry(
        n,
        request_id=f"r{n // 2}",
        attempt=1 + n % 2,
        at_ns=(START_HOUR + rng.randrange(72)) * HOUR_NS + rng.randrange(HOUR_NS),
        tenant=KEYS[key][0],
        key_id=key,
        model=rng.choice(["m", "n"]),
        target=rng.choice(["far", "here"]),
        failure=rng.choice(["", "", "client_left", "hedge_lost", "timeout"]),
        input_tokens=used,
        output_tokens=used // 3,
        cache_read_tokens=used // 5,
        usage_source=source,
        cost_nusd=rng.choice([None, rng.randrange(10**6)]) if source else None,
        tags=rng.choice(["", "a", "a,b"]),
    )


async def write_keys(store: SqlStore) -> None:
    """The keys of `KEYS` but the file's, as the directory has them; team red has the tag `night`."""
    rows = [
        ("key", key, f"{key}-name", *place, '["own"]' if key == "k1" else "[]")
        for key, place in KEYS.items()
        if key != "file"
    ]
    rows.append(("team", "red", "red", "acme", "red", "", '["night"]'))

    def insert(connection: Connection) -> None:
        connection.executemany(
            "INSERT INTO grantee (kind, id, name, tenant, team, user_id, tags, role, terms, created_at_ns, version) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, '', '{}', 0, 1)",
            rows,
        )

    await store.committer.write(insert)


async def write_entries(store: SqlStore, entries: Sequence[LedgerEntry]) -> None:
    await store.append(Journal(tuple(entries), ()))


def count(entries: Sequence[LedgerEntry], group: Any) -> dict[Any, dict[str, int]]:
    """The same sums, made one by one."""
    sums: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in entries:
        for name in group(each):
            into = sums[name]
            into["attempts"] += 1
            into["requests"] += each.attempt == 1
            into["succeeded"] += each.failure == ""
            into["cancelled"] += each.failure == "client_left"
            into["hedges_lost"] += each.failure == "hedge_lost"
            into["input_tokens"] += each.input_tokens
            into["output_tokens"] += each.output_tokens
            into["estimated"] += each.usage_source == "estimated"
            into["unpriced"] += each.cost_nusd is None and each.usage_source != ""
            into["charged_nusd"] += each.cost_nusd or 0
    return sums


def accepted(gpu_hour_usd: float | None = None, at_ns: int = 1, gpus: int = 1, price: str = "0.000001") -> Accepted:
    """Settings with a target `far` at a provider and a target `here` of a pool."""
    here: dict[str, Any] = {"name": "here", "pool": "p", "gpus": gpus}
    if gpu_hour_usd is not None:
        here["gpu_hour_usd"] = gpu_hour_usd
    far = {
        "name": "far",
        "provider": "openai",
        "model": "x",
        "input_cost_per_token": price,
        "output_cost_per_token": price,
    }
    config = DynamicConfig.model_validate(
        {
            "auth": {"open_on_loopback": True},
            "providers": {"openai": {"base_url": "http://127.0.0.1:1/v1"}},
            "models": [{"name": "m", "targets": [far, here]}, {"name": "n", "targets": [far, here]}],
        }
    )
    return Accepted(config.fingerprint(), at_ns, config.model_dump_json().encode())
