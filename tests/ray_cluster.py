"""A small Ray cluster with Serve and nothing listening for users, shared by the tests that need one."""

import os
import tempfile
from collections.abc import Iterator

import pytest

# Read by Ray at import and inherited by its processes: no ingress of Serve's own, and workers that aren't at nice 15.
CLUSTER_ENV = {
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "0",
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
}


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """Serve on a cluster of this test session's own (4 logical CPUs), in a temporary folder, ended with the session."""
    os.environ.update(CLUSTER_ENV)
    import ray
    from ray import serve

    if ray.is_initialized():  # a module that imports this fixture has one of its own: the first to ask owns the cluster
        yield
        return
    # Short, because Ray puts unix sockets below it and their paths are limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        ray.init(
            address="local",
            num_cpus=4,
            num_gpus=0,
            object_store_memory=200 * 1024 * 1024,
            include_dashboard=False,
            _temp_dir=folder,
            log_to_driver=False,
            namespace="turnout-tests",
        )
        try:
            serve.start(proxy_location="Disabled")
            yield
        finally:
            serve.shutdown()
            ray.shutdown()
