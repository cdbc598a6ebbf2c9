"""Keys, teams and users as actors change them, on a real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stores import Place
from tests.unit.serve.control.directory.desks import Rig
from turnout.models.access import Actor, Role
from turnout.models.errors import BadRequest, Forbidden, NotFound, Unauthorized
from turnout.serve.control.actor import OWNER
from turnout.serve.control.directory.bodies import KeyUpdate, UserUpdate
from turnout.serve.control.directory.grantee import Grantee, Kind

ORG, TEAM, USER, KEY = Kind.ORGANIZATION, Kind.TEAM, Kind.USER, Kind.KEY


@pytest.fixture
async def rig(place: Place) -> AsyncIterator[Rig]:
    rig = await Rig.on(await place.open(linger_s=0.002))
    await rig.add(ORG, organization_id="acme", models=["a", "b", "c"])
    await rig.add(TEAM, team_id="search", organization_id="acme", models=["a", "b"], max_budget="10", rpm_limit=60)
    await rig.add(USER, user_id="tea", team_id="search", user_role="team_admin")
    await rig.add(USER, user_id="ann", team_id="search", models=["a"])
    yield rig
    await rig.close()


async def admin_of_team(rig: Rig, **fields: object) -> Actor:
    return rig.actor(await rig.key(user_id="tea", **fields))


async def member(rig: Rig, **fields: object) -> Actor:
    return rig.actor(await rig.key(user_id="ann", **fields))


async def update(rig: Rig, actor: Actor, key_id: str, **fields: object) -> Grantee:
    body = KeyUpdate.model_validate({"key_id": key_id, **fields})
    changed, _ = await rig.desk.update(actor, KEY, key_id, rig.revise(body))
    return changed


async def test_a_key_has_what_all_levels_above_it_leave(rig: Rig) -> None:
    made = await rig.key(user_id="ann", duration="30d", max_budget=1)
    found = rig.principal(made.secret)
    assert found is not None
    assert made.secret.startswith("sk-tn-")
    assert (found.tenant, found.team, found.user, found.key_id) == ("acme", "search", "ann", made.grantee.id)
    assert found.allowed_models == {"a"}
    assert found.budgets == ("team:search:total", f"key:{made.grantee.id}:total")
    assert [limit.bucket for limit in found.limits] == ["team:search"]
    assert found.expires_at_s == rig.clock.at_s + 30 * 86_400


async def test_the_secret_is_nowhere_on_disk(tmp_path: Path) -> None:
    rig = await Rig.open(tmp_path / "control.sqlite")
    made = await rig.key()
    await rig.close()
    for file in tmp_path.iterdir():
        assert made.secret.removeprefix("sk-tn-").encode() not in file.read_bytes()


async def test_everything_is_there_after_opening_again(rig: Rig, place: Place) -> None:
    made = await rig.key(user_id="ann", soft_budget="0.5", budget_duration="1mo", metadata={"x": [1]}, tags=["t"])
    gone = await rig.key(user_id="ann")
    await rig.desk.delete(OWNER, KEY, [gone.grantee.id])
    before = (rig.book.version, rig.principal(made.secret), rig.book.get(KEY, made.grantee.id), rig.book.list_budgets())
    await rig.close()
    again = await Rig.on(await place.open())
    try:
        after = (again.book.version, again.principal(made.secret), again.book.get(KEY, made.grantee.id))
        assert (*after, again.book.list_budgets()) == before
        assert again.principal(gone.secret) is None
        assert await again.book.is_taken(KEY, gone.grantee.id)
    finally:
        await again.close()


async def test_a_change_above_reaches_every_key_below(rig: Rig) -> None:
    made = await rig.key(user_id="ann")
    body = UserUpdate(user_id="ann", blocked=True)
    await rig.desk.update(OWNER, USER, "ann", rig.revise(body))
    found = rig.principal(made.secret)
    assert found is not None
    assert found.is_blocked


async def test_a_regenerated_key_works_by_both_secrets_until_the_grace_is_over(rig: Rig) -> None:
    first = await rig.key(user_id="ann")
    second = await rig.desk.regenerate(OWNER, first.grantee.id, 60.0)
    assert rig.principal(first.secret) is not None
    assert rig.principal(second.secret) is not None
    rig.clock.advance(60)
    assert rig.principal(first.secret) is None
    assert rig.principal(second.secret) is not None


async def test_no_more_than_two_secrets_of_a_key_work(rig: Rig) -> None:
    first = await rig.key(user_id="ann")
    second = await rig.desk.regenerate(OWNER, first.grantee.id, 60.0)
    third = await rig.desk.regenerate(OWNER, first.grantee.id, 60.0)
    works = [rig.principal(each.secret) is not None for each in (first, second, third)]
    assert works == [False, True, True]
    last = await rig.desk.regenerate(OWNER, first.grantee.id, 0)
    assert [rig.principal(each.secret) is not None for each in (second, third, last)] == [False, False, True]


async def test_a_deleted_team_takes_its_keys_along_but_not_its_users(rig: Rig) -> None:
    with pytest.raises(BadRequest, match="user 'tea'"):
        await rig.desk.delete(OWNER, TEAM, ["search"])
    made = await rig.key(user_id="ann")
    gone, _ = await rig.desk.delete(OWNER, USER, ["tea", "ann"])
    assert gone == ["tea", "ann", made.grantee.id]
    await rig.desk.delete(OWNER, TEAM, ["search"])
    assert rig.principal(made.secret) is None
    with pytest.raises(BadRequest, match="aren't used twice"):
        await rig.add(TEAM, team_id="search")


async def test_what_it_belongs_to_must_exist_and_fit(rig: Rig) -> None:
    await rig.add(ORG, organization_id="evil")
    for fields in ({"team_id": "nope"}, {"user_id": "nope"}, {"organization_id": "nope"}):
        with pytest.raises(BadRequest, match="there is no"):
            await rig.key(**fields)
    with pytest.raises(BadRequest, match="belong together"):
        await rig.key(team_id="search", organization_id="evil")
    with pytest.raises(BadRequest, match="can't be an id"):
        await rig.add(ORG, organization_id="default")
    with pytest.raises(BadRequest, match="can't be an id"):
        await rig.add(TEAM, team_id="a:b")


async def test_a_member_makes_keys_for_itself_only(rig: Rig) -> None:
    ann = await member(rig)
    assert (await rig.key(ann)).grantee.user == "ann"
    for fields in ({"user_id": "tea"}, {"team_id": "search", "user_id": "tea"}):
        with pytest.raises(Forbidden):
            await rig.key(ann, **fields)
    with pytest.raises(Forbidden):
        await rig.add(USER, ann, user_id="eve", team_id="search")


async def test_nobody_mints_more_than_the_key_that_they_act_with(rig: Rig) -> None:
    tea = await admin_of_team(rig, models=["a"], priority=5, duration="1d")
    fine = await rig.key(tea, models=["a"], priority=5, duration="1h")
    assert fine.grantee.team == "search"
    for fields, told in (
        ({"models": ["b"]}, "model 'b'"),
        ({}, "all|model 'b'"),
        ({"priority": -1}, "priority"),
        ({"duration": "2d"}, "expiry"),
    ):
        good = {"models": ["a"], "priority": 5, "duration": "1h"}
        with pytest.raises(Forbidden, match=told):
            await rig.key(tea, **({**good, **fields} if fields else {}))


async def test_a_key_with_a_budget_of_its_own_cannot_multiply_it(rig: Rig) -> None:
    tea = await admin_of_team(rig, max_budget=5)
    with pytest.raises(Forbidden, match="no budget"):
        await rig.key(tea, max_budget=5)


async def test_a_team_admin_gives_what_the_team_has_and_changes_only_what_is_in_it(rig: Rig) -> None:
    tea = await admin_of_team(rig)
    made = await rig.key(tea, models=["b"], max_budget=100)
    assert made.grantee.team == "search"
    assert (await rig.add(USER, tea, user_id="bob")).team == "search"
    await rig.add(TEAM, team_id="ads", organization_id="acme")
    other = await rig.key(team_id="ads")
    with pytest.raises(NotFound):
        await update(rig, tea, other.grantee.id, key_alias="mine")
    with pytest.raises(BadRequest, match="no team 'ads' that you may see"):
        await update(rig, tea, made.grantee.id, team_id="ads")
    with pytest.raises(Forbidden):
        await rig.add(USER, tea, user_id="big", user_role="admin")


async def test_a_members_keys_only_get_tighter(rig: Rig) -> None:
    given = await rig.key(user_id="ann", max_budget=5, rpm_limit=10)
    ann = await member(rig)
    key_id = given.grantee.id
    assert (await update(rig, ann, key_id, rpm_limit=5, key_alias="x", tags=["t"])).name == "x"
    for fields in (
        {"rpm_limit": 50},
        {"rpm_limit": None},
        {"max_budget": None},
        {"max_budget": 6},
        {"budget_duration": "1d"},
    ):
        with pytest.raises(Forbidden, match="more than you have"):
            await update(rig, ann, key_id, **fields)


async def test_nobody_loosens_the_key_that_they_act_with(rig: Rig) -> None:
    tea = await admin_of_team(rig, max_budget=5, models=["a"])
    for fields in ({"max_budget": 6}, {"models": ["a", "b"]}):
        with pytest.raises(Forbidden, match="more than you have"):
            await update(rig, tea, tea.id, **fields)
    assert (await update(rig, tea, tea.id, max_budget=4)).budgets[0].amount_nusd == 4 * 10**9


async def test_a_member_with_a_narrow_key_cannot_take_over_a_wider_one(rig: Rig) -> None:
    wide = await rig.key(user_id="ann")
    narrow = await member(rig, operations=["embeddings"])
    with pytest.raises(Forbidden, match="more than you have"):
        await rig.desk.regenerate(narrow, wide.grantee.id, 0)


async def test_who_acts_follows_from_the_key_and_its_user(rig: Rig) -> None:
    assert rig.actors.get(b"Bearer ta-admin") == OWNER
    tea = await rig.key(user_id="tea")
    assert rig.actor(tea) == Actor(tea.grantee.id, Role.TEAM_ADMIN, "acme", "search", "tea")
    assert rig.actor(await rig.key(user_id="tea", role="viewer")).role is Role.VIEWER
    assert rig.actor(await rig.key(user_id="ann", role="admin")).role is Role.MEMBER


async def test_keys_without_a_user_blocked_expired_or_unknown_act_for_nobody(rig: Rig) -> None:
    service = await rig.key(team_id="search", role="admin")
    blocked = await rig.key(user_id="tea", blocked=True)
    expired = await rig.key(user_id="tea", duration="1h")
    rig.clock.advance(3600)
    told = set()
    for secret in (service.secret, blocked.secret, expired.secret, "sk-tn-unknown", ""):
        with pytest.raises(Unauthorized) as refused:
            rig.actors.get(f"Bearer {secret}".encode())
        told.add(refused.value.to_json())
    assert len(told) == 1


async def test_every_change_is_told_in_the_audit_log_with_who_did_it_and_no_secret(rig: Rig) -> None:
    tea = await admin_of_team(rig)
    made = await rig.key(tea)
    await rig.desk.regenerate(tea, made.grantee.id, 5)
    await rig.desk.delete(tea, KEY, [made.grantee.id])
    events = [each for each in await rig.events() if each.subject == f"key:{made.grantee.id}"]
    assert [each.action for each in events] == ["key.create", "key.regenerate", "key.delete"]
    assert {each.actor for each in events} == {tea.id}
    assert not any(made.secret[6:] in each.detail for each in events)


async def test_a_change_that_is_refused_leaves_nothing_behind(rig: Rig) -> None:
    version, count = rig.book.version, len(await rig.events())
    with pytest.raises(Forbidden):
        await rig.key(Actor("x", Role.VIEWER, "acme"))
    assert (rig.book.version, len(await rig.events())) == (version, count)
