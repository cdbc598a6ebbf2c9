"""Which store of idempotency keys a router opens, and what's wrong with one that can't be opened."""

import pytest

from turnout.serve.config.check import check_text
from turnout.serve.config.idempotency import IdempotencySettings
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.replaying import Replaying


async def test_without_redis_a_replica_remembers_by_itself() -> None:
    replaying = Replaying(IdempotencySettings(), Secrets({}, "n1"), "r1")
    assert repr(replaying) == "Replaying(Replays(<MemoryStore 0 claims, 0 answers of 0 bytes>))"
    assert replaying.is_running
    await replaying.close()


async def test_with_redis_a_task_writes_and_ends_with_the_router() -> None:
    secrets = Secrets({"URL": "redis://127.0.0.1:1/0"}, "n1")
    replaying = Replaying(IdempotencySettings(redis="env:URL"), secrets, "r1")
    assert "RedisStore" in repr(replaying)
    assert replaying.is_running
    await replaying.close()


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://:hunter2@127.0.0.1"])
async def test_what_is_no_url_of_redis_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="isn't redis://") as refused:
        Replaying(IdempotencySettings(redis="env:URL"), Secrets({"URL": url}, "n1"), "r1")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("args", "warnings"),
    [
        ("replicas: {max: 2}", 0),
        ("replicas: {max: 2}, idempotency: {keep_s: 60}", 1),
        ("replicas: {max: 2}, idempotency: {redis: 'env:URL'}", 0),
        ("idempotency: {keep_s: 60}", 0),
    ],
)
def test_check_warns_who_wants_keys_of_replicas_that_do_not_share_them(args: str, warnings: int) -> None:
    text = f"applications:\n  - import_path: turnout.serve.apps:router\n    args: {{{args}}}\n"
    told = [problem.hint for problem in check_text(text, {"URL": "redis://127.0.0.1"}) if "idempotency" in problem.path]
    assert told == ["set args.idempotency.redis, such as env:TURNOUT_REDIS_URL"] * warnings
