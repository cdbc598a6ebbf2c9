"""Keys that Control hands out, in a whole cluster: they work at once at every router, and stop at once."""

import time

import httpx
import openai
import pytest

from tests.e2e.conftest import Running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
HI: list[dict[str, str]] = [{"role": "user", "content": "hi"}]


def ask(cluster: Running, key: str, model: str = "mock") -> None:
    """One request on a connection of its own, so that either router may get it."""
    with openai.OpenAI(base_url=f"{cluster.url}/v1", api_key=key, max_retries=0) as client:
        client.chat.completions.create(model=model, messages=HI)  # type: ignore[call-overload]


def post(cluster: Running, path: str, status: int = 200, **fields: object) -> dict[str, object]:
    key = (cluster.home / "state" / "admin.key").read_text().strip()
    url = f"http://127.0.0.1:{cluster.admin_port}{path}"
    answer = httpx.post(url, json=fields, headers={"authorization": f"Bearer {key}"}, timeout=10)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_a_key_works_and_stops_at_once_at_both_routers(remote_cluster: Running) -> None:
    post(remote_cluster, "/team/new", team_id="search", models=["mock"])
    made = post(remote_cluster, "/key/generate", team_id="search")
    key, key_id = str(made["key"]), made["key_id"]
    assert len(made["reach"]["acknowledged"]) == 2, made  # type: ignore[index,call-overload]
    for _ in range(10):
        ask(remote_cluster, key)
    with openai.OpenAI(base_url=f"{remote_cluster.url}/v1", api_key=key) as client:
        assert [model.id for model in client.models.list()] == ["mock"]
    with pytest.raises(openai.NotFoundError):
        ask(remote_cluster, key, "pair")

    asked_at = time.monotonic()
    post(remote_cluster, "/key/block", key_id=key_id)
    assert time.monotonic() - asked_at < 1.5
    for _ in range(10):
        with pytest.raises(openai.PermissionDeniedError):
            ask(remote_cluster, key)
    post(remote_cluster, "/key/unblock", key_id=key_id)
    ask(remote_cluster, key)
    post(remote_cluster, "/team/update", team_id="search", blocked=True)
    with pytest.raises(openai.PermissionDeniedError):
        ask(remote_cluster, key)
    post(remote_cluster, "/key/delete", key_ids=[key_id])
    for _ in range(10):
        with pytest.raises(openai.AuthenticationError):
            ask(remote_cluster, key)


def test_the_command_line_hands_out_a_key_and_replaces_it(remote_cluster: Running) -> None:
    file = str(remote_cluster.file)
    made = remote_cluster.turnout("keys", "generate", "models=mock", "key_alias=cli", "--file", file)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    ask(remote_cluster, key)
    listed = remote_cluster.turnout("keys", "list", "--file", file)
    (row,) = [line for line in listed.stdout.splitlines() if " cli " in line]
    assert key not in listed.stdout
    again = remote_cluster.turnout("keys", "regenerate", row.split()[0], "--grace-s", "60", "--file", file)
    ask(remote_cluster, again.stdout.strip())
    ask(remote_cluster, key)


def test_a_team_admin_hands_out_keys_of_its_team_only(remote_cluster: Running) -> None:
    post(remote_cluster, "/team/new", team_id="ads", models=["mock"])
    post(remote_cluster, "/user/new", user_id="tea", team_id="ads", user_role="team_admin")
    tea = post(remote_cluster, "/key/generate", user_id="tea")
    url = f"http://127.0.0.1:{remote_cluster.admin_port}"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {tea['key']}"}, timeout=10) as client:
        made = client.post("/key/generate", json={}).json()
        assert made["team_id"] == "ads"
        ask(remote_cluster, made["key"])
        assert client.post("/key/generate", json={"team_id": "search"}).status_code in (400, 403)
        assert client.get("/admin/status").status_code == 403
    assert httpx.get(f"{url}/key/list", headers={"authorization": f"Bearer {made['key']}"}).status_code == 401
