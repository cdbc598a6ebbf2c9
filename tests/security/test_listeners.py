"""Every listener of the product is known here, so that a new one can't go without the tests of who may use it."""

import ast

from tests.architecture.source import modules

LISTENERS = {
    ("serve/router.py", "Edge"): "the route: test_route.py",
    ("serve/control/deployment.py", "Edge"): "the admin routes: test_admin.py",
    ("serve/control/deployment.py", "PrivateListener"): "test_private.py",
    ("serve/engine.py", "PrivateListener"): "test_private.py",
    ("serve/scripted.py", "PrivateListener"): "test_private.py",
    ("serve/embedder.py", "PrivateListener"): "test_private.py",
    ("serve/provider.py", "PrivateListener"): "test_private.py",
    ("serve/listener.py", "Edge"): "what PrivateListener is made of: test_private.py",
    (
        "serve/mock/server.py",
        "Edge",
    ): "`turnout mock`, a stand-in for a provider on a developer's machine; part of no cluster",
}
OTHERS = {"start_server", "create_server", "HTTPServer", "ThreadingHTTPServer", "start_unix_server", "TCPSite"}
MAY_USE_OTHERS = {"serve/edge/shared_socket.py"}  # replicas on one node pass a descriptor, after a check of who asks


def calls() -> list[tuple[str, str]]:
    return [
        (str(module.path), name)
        for module in modules()
        if module.path.parts[0] in ("models", "router", "serve")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).rpartition(".")[2])
    ]


def test_every_listener_is_tested_for_who_may_use_it() -> None:
    assert {call for call in calls() if call[1] in ("Edge", "PrivateListener")} == set(LISTENERS)


def test_nothing_else_listens() -> None:
    found = {call for call in calls() if call[1] in OTHERS}
    assert {path for path, _ in found} <= MAY_USE_OTHERS
