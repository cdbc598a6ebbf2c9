"""Whatever an owner sends to any admin route, the answer is in order: never a 500, and an error always has OpenAI's shape."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.control_room import Room, open_room
from tests.security.doors import send

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "acme",
            "search",
            "member",
            "owner",
            "default",
            "sk-tn-x",
            "30d",
            "1mo",
            "../..",
            "a\u0000b",
            "\U0001f600",
            "' OR 1=1 --",
        ]
    ),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def fields_of(room: Room) -> dict[tuple[str, str], list[str]]:
    """The body fields and query parameters of every described route."""
    described = room.app.openapi()
    schemas: dict[str, Any] = described.get("components", {}).get("schemas", {})
    found: dict[tuple[str, str], list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = schemas.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            names = [*schema.get("properties", {}), *(each["name"] for each in operation.get("parameters", ()))]
            found[method.upper(), path] = names
    return found


def test_no_request_of_an_owner_breaks_anything() -> None:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        opened = open_room(Path(folder))
        room = runner.run(opened.__aenter__())
        routes = sorted(fields_of(room).items())
        headers = {b"authorization": f"Bearer {room.keys['owner']}".encode()}

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(st.data())
        def fuzz(data: st.DataObject) -> None:
            (method, path), names = data.draw(st.sampled_from(routes))
            sent = data.draw(st.dictionaries(st.sampled_from([*names, "nobody_knows"]), _VALUES, max_size=6))
            body = data.draw(st.sampled_from([json.dumps(sent).encode(), b"", b"[]", b"{", b"\xff", b"null"]))
            texts = {name: str(value).encode("utf-8", "replace").hex() for name, value in sent.items()}
            pairs = (
                name + "=" + "%" + "%".join(text[at : at + 2] for at in range(0, len(text), 2))
                for name, text in texts.items()
                if text
            )
            query = "&".join(pairs).encode()
            out = runner.run(send(room.door, method, path.replace("{name}", "t"), headers, body, query))
            assert out.status < 500, (method, path, body, query)
            if out.status >= 400:
                assert set(json.loads(out.body)["error"]) == {"message", "type", "param", "code"}

        fuzz()
        runner.run(opened.__aexit__(None, None, None))
        assert routes
