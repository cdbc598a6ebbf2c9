"""People and services with tokens of an issuer instead of a key, in a whole cluster; a small issuer on this machine publishes its keys."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.conftest import Running
from tests.unit.serve.sign_in.issuing import AUDIENCE, EC, ISSUER, jwk, jwks, token

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
KEYS = jwks(jwk(EC, "ec"))
BODY = {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}


class Publishing(BaseHTTPRequestHandler):
    """Answers every GET with the issuer's public keys."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(KEYS)))
        self.end_headers()
        self.wfile.write(KEYS)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publishing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/keys"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def cluster(remote_cluster: Running, jwks_url: str) -> Iterator[Running]:
    """The remote cluster with an issuer in its file, until the end of this module."""
    before = remote_cluster.file.read_text()
    document = yaml.safe_load(before)
    document["applications"][-1]["deployments"][0]["user_config"]["auth"]["oidc"] = [
        {
            "name": "corp",
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_url": jwks_url,
            "groups": ["dev", "leads"],
            "roles": {"leads": "admin"},
            "models": ["mock"],
        }
    ]
    apply(remote_cluster, yaml.safe_dump(document))
    wait_until(lambda: {ask(remote_cluster, sign_in()).status_code for _ in range(8)} == {200})
    yield remote_cluster
    apply(remote_cluster, before)


def apply(cluster: Running, text: str) -> None:
    cluster.file.write_text(text)
    applied = cluster.turnout("apply", str(cluster.file))
    assert applied.returncode == 0, applied.stdout + applied.stderr


def sign_in(key: object = EC, **claims: object) -> bytes:
    """A token of ann's, for ten minutes."""
    now_s = int(time.time())
    return token(key, "ES256", "ec", **{"iat": now_s, "exp": now_s + 600, **claims})


def ask(cluster: Running, bearer: bytes, model: str = "mock") -> httpx.Response:
    """One request on a connection of its own, so that either router may get it."""
    headers = {"authorization": f"Bearer {bearer.decode()}"}
    return httpx.post(f"{cluster.url}/v1/chat/completions", json={**BODY, "model": model}, headers=headers, timeout=30)


def ledger(cluster: Running) -> Iterator[dict[str, object]]:
    """Every row, page by page."""
    after: object = 0
    while rows := (page := cluster.admin(f"ledger?after={after}&limit=1000"))["rows"]:
        yield from rows  # type: ignore[misc]
        after = page["next_after"]


def wait_until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    ends_at = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < ends_at, f"not within {within_s} s"
        time.sleep(0.1)


def test_whoever_signs_in_is_answered_by_both_routers_and_stands_in_the_ledger_by_name(cluster: Running) -> None:
    bearer = sign_in(sub="bea")
    answers = [ask(cluster, bearer) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert ask(cluster, bearer, "pair").json()["error"]["code"] == "model_not_found"
    wanted = {answer.headers["x-litellm-call-id"] for answer in answers}

    wait_until(lambda: {row["key_id"] for row in ledger(cluster) if row["request_id"] in wanted} == {"oidc:corp:bea"})


def test_a_token_that_is_not_good_opens_nothing(cluster: Running) -> None:
    past_s = int(time.time()) - 3600
    for bearer in (
        sign_in(exp=past_s + 600, iat=past_s),
        sign_in(aud="somebody-else"),
        sign_in(iss="https://login.example/other"),
        sign_in(groups=["guests"]),
        sign_in(ec.generate_private_key(ec.SECP256R1())),
    ):
        assert {ask(cluster, bearer).status_code for _ in range(4)} == {401}


def test_the_admin_api_is_open_to_those_whose_group_has_a_role(cluster: Running) -> None:
    def look(**claims: object) -> int:
        headers = {"authorization": f"Bearer {sign_in(**claims).decode()}"}
        return httpx.get(f"http://127.0.0.1:{cluster.admin_port}/key/list", headers=headers, timeout=10).status_code

    wait_until(lambda: look(groups=["leads"]) == 200)
    assert look(groups=["dev"]) == 401
    assert look(groups=["leads"], aud="somebody-else") == 401
