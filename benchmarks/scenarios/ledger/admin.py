"""Makes keys at a gateway that is measured, as its administrator does."""

import json
import time
import urllib.error
import urllib.request

from turnout.benchmarks.gateways.cluster import Gateway
from turnout.serve.control.state_dir import KEY_FILE


def post_admin(gateway: Gateway, path: str, body: dict[str, object]) -> dict[str, object]:
    """What the admin API of a gateway answers to this."""
    secret = (gateway.config.state_dir / KEY_FILE).read_text().strip()
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{gateway.config.admin_port}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        made: dict[str, object] = json.load(answer)
        return made


def wait_until_known(gateway: Gateway, key: str) -> None:
    """A router that has just started says 503 until Control has told it the keys."""
    url = f"http://127.0.0.1:{gateway.config.port}/v1/models"
    ends_at = time.monotonic() + 10.0
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})):
                return
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > ends_at:
                raise
        time.sleep(0.1)
