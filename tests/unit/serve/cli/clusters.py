"""Cluster files, and a stand-in for `serve run`, for the command line's tests."""

import textwrap
from pathlib import Path

CLUSTER = """
proxy_location: Disabled
applications:
  - name: pool
    route_prefix: null
    import_path: turnout.serve.apps:engine
    args: {{model: ./model}}
  - name: control
    route_prefix: null
    import_path: turnout.serve.apps:control
    args: {{state_dir: {state_dir}, admin_port: {admin_port}}}
  - name: router
    route_prefix: null
    import_path: turnout.serve.apps:router
    args: {{host: 127.0.0.1, port: {port}, drain_s: 5}}
    deployments:
      - name: Router
        user_config:
          auth: {{open_on_loopback: true}}
          models:
            - name: small
              targets: [{{name: small-local, pool: pool}}]
"""

SERVE_RUN = """
import signal, sys, time

print("Started a local Ray instance. View the dashboard at \\x1b[1m" + sys.argv[1] + " \\x1b[22m", flush=True)
try:
    while True:
        time.sleep(60)
except KeyboardInterrupt:
    print("Got KeyboardInterrupt, shutting down...", flush=True)
"""


def write_cluster(folder: Path, port: int = 18000, admin_port: int = 18001) -> Path:
    """A cluster file with one pool, one model called `small`, and these ports."""
    path = folder / "cluster.yaml"
    path.write_text(CLUSTER.format(state_dir=folder / "state", port=port, admin_port=admin_port))
    return path


def write_serve_run(folder: Path, text: str = SERVE_RUN) -> Path:
    """A program that speaks and ends like `serve run`; its argument is the dashboard's URL."""
    path = folder / "serve_run.py"
    path.write_text(textwrap.dedent(text))
    return path
