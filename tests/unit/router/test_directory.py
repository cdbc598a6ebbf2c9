"""Who comes in with a key that Control handed out."""

import hashlib

import msgspec
import pytest

from tests.fakes import FakeUpstream, answers, head
from tests.gateways import ANSWER, CHAT, LOCAL, Rig, catalogue
from turnout.models.access import Limit, Principal, Unit
from turnout.models.errors import Forbidden, NoTarget, Unauthorized
from turnout.models.openai.request import Operation
from turnout.router.admit import admit, identify
from turnout.router.call import Arrival
from turnout.router.catalogue import Catalogue
from turnout.router.directory import Directory, KeyChanges

KEY = "sk-tn-abc"
ANN = Principal("acme", "k-1", frozenset({"m"}), limits=(Limit("key:k-1", Unit.REQUESTS, 5, 60),), budgets=("b",))
CLOSED = Catalogue("v", {}, {})
OPEN = Catalogue("v", {}, {}, is_open=True)
NOW_NS = 1_000_000_000_000


def digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=32).digest()


def packed(principal: Principal) -> bytes:
    return msgspec.msgpack.encode(principal)


def told(principal: Principal, version: int = 1, since: int | None = None) -> KeyChanges:
    return KeyChanges(version, since, {digest(KEY): packed(principal)})


def directory(principal: Principal) -> Directory:
    known = Directory()
    known.take(told(principal))
    return known


def who(known: Directory, config: Catalogue = CLOSED, key: str = KEY) -> Principal:
    return identify(head(authorization=f"Bearer {key}"), config, known, NOW_NS)


def test_a_key_that_control_told_of_is_found_with_everything_it_has() -> None:
    assert who(directory(ANN)) == ANN
    assert who(directory(ANN)).limits[0].unit is Unit.REQUESTS


def test_the_files_keys_are_looked_at_first() -> None:
    config = Catalogue("v", {}, {}, keys={digest(KEY): Principal("default", "file")})
    assert who(directory(ANN), config).key_id == "file"


def test_changes_come_on_top_and_all_of_it_replaces_all() -> None:
    known = directory(ANN)
    other = digest("sk-tn-other")
    known.take(KeyChanges(2, 1, {other: packed(ANN)}, (digest(KEY),)))
    assert (known.find(digest(KEY)), known.find(other), known.version) == (None, ANN, 2)
    known.take(told(ANN, version=9))
    assert (known.find(digest(KEY)), known.find(other), known.version) == (ANN, None, 9)


def test_changes_to_another_version_are_left_alone() -> None:
    known = directory(ANN)
    known.take(KeyChanges(5, 4, {}, (digest(KEY),)))
    assert (known.find(digest(KEY)), known.version) == (ANN, 1)


@pytest.mark.parametrize(("config", "is_known"), [(CLOSED, True), (OPEN, True), (CLOSED, False)])
def test_a_blocked_key_is_refused_even_where_strangers_may_come_in(config: Catalogue, is_known: bool) -> None:
    with pytest.raises(Forbidden):
        who(directory(msgspec.structs.replace(ANN, is_blocked=True)), config)


def test_an_expired_key_is_told_what_a_stranger_is_told() -> None:
    expired = directory(msgspec.structs.replace(ANN, expires_at_s=NOW_NS / 1e9))
    bodies = set()
    for known, key in ((expired, KEY), (expired, "sk-tn-unknown"), (expired, "nonsense"), (Directory(), "nonsense")):
        with pytest.raises(Unauthorized) as refused:
            who(known, key=key)
        bodies.add(refused.value.to_json())
    assert len(bodies) == 1
    assert who(directory(msgspec.structs.replace(ANN, expires_at_s=NOW_NS / 1e9 + 1))).key_id == "k-1"


def test_before_control_has_told_anything_its_keys_are_asked_to_wait_and_no_others() -> None:
    with pytest.raises(NoTarget) as refused:
        who(Directory())
    assert refused.value.retry_after_s == 1.0
    with pytest.raises(Unauthorized):
        who(Directory(), key="sk-other")
    assert who(Directory(), OPEN).key_id == "anonymous"


def test_a_key_is_for_its_operations_only() -> None:
    known = directory(msgspec.structs.replace(ANN, allowed_operations=frozenset({"embeddings"})))
    with pytest.raises(Forbidden, match="it is for embeddings"):
        admit(Operation.CHAT, head(authorization=f"Bearer {KEY}"), CHAT, CLOSED, known, Arrival("r", b"r", 1.0, NOW_NS))


async def test_a_key_is_used_and_blocked_through_the_whole_line() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL))
    used = msgspec.structs.replace(ANN, allowed_models=None, limits=())
    rig.directory.take(told(used))
    assert (await rig.post(authorization=f"Bearer {KEY}")).status == 200
    assert rig.sink.entries[-1].key_id == "k-1"
    rig.directory.take(told(msgspec.structs.replace(used, is_blocked=True), 2, 1))
    assert (await rig.post(authorization=f"Bearer {KEY}")).status == 403


async def test_prompts_of_a_local_key_do_not_leave_the_cluster() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL))
    sent = head(authorization=f"Bearer {KEY}")
    local = directory(Principal("acme", "k-1", is_local_only=True))
    arrival = Arrival("r", b"r", 1.0, NOW_NS)
    assert admit(Operation.CHAT, sent, CHAT, rig.config, local, arrival).constraints.is_local_only
