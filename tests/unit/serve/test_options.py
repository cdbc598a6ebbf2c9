"""What of a cluster file reaches Serve."""

import pytest
from ray import serve

from turnout.serve.config.arguments import EngineArgs, Replicas
from turnout.serve.engine import engine_app
from turnout.serve.options import deployment_options, engine_options


def test_a_fixed_number_of_replicas_isnt_autoscaled():
    options = deployment_options(EngineArgs(model="m", replicas=Replicas(min=2, max=2)), {})
    assert options["num_replicas"] == 2
    assert "autoscaling_config" not in options


def test_bounds_and_delays_reach_serves_autoscaling():
    args = EngineArgs(
        model="m",
        replicas=Replicas(min=1, max=4, initial=2),
        target_in_flight=5,
        upscale_delay_s=3,
        downscale_delay_s=60,
    )
    scaling = deployment_options(args, {})["autoscaling_config"]
    assert (scaling.min_replicas, scaling.max_replicas, scaling.initial_replicas) == (1, 4, 2)
    assert (scaling.upscale_delay_s, scaling.downscale_delay_s) == (3, 60)
    assert scaling.policy.policy_kwargs == {"target_in_flight": 5}
    policy = scaling.policy.get_policy()
    assert policy(**scaling.policy.policy_kwargs) is not None


def test_a_replica_has_longer_to_stop_than_its_requests_have_to_finish():
    options = deployment_options(EngineArgs(model="m", drain_s=20), {})
    assert options["graceful_shutdown_timeout_s"] == 35
    assert options["max_surge_percent"] == 100


def test_resources_labels_and_environment_reach_the_actor():
    args = EngineArgs(
        model="m",
        num_cpus=3,
        num_gpus=1,
        accelerator_type="H100",
        resources={"nvme": 1},
        label_selector={"zone": "a"},
        max_replicas_per_node=2,
    )
    options = deployment_options(args, {"A": "1"})
    assert options["ray_actor_options"] == {
        "num_cpus": 3,
        "num_gpus": 1,
        "accelerator_type": "H100",
        "resources": {"nvme": 1},
        "label_selector": {"zone": "a"},
        "runtime_env": {"env_vars": {"A": "1"}},
    }
    assert options["max_replicas_per_node"] == 2


@pytest.mark.parametrize(
    ("num_gpus", "kwargs", "actor_gpus"),
    [
        (0, {}, None),
        (0, {"tensor_parallel_size": 2}, None),
        (1, {}, 1),
        (1, {"tensor_parallel_size": 4}, 4),
        (1, {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, 4),
        (8, {"tensor_parallel_size": 4}, 8),
        (1, {"tensor_parallel_size": 2, "distributed_executor_backend": "mp"}, 2),
    ],
)
def test_a_split_model_gets_a_gpu_for_each_rank_on_one_node(num_gpus, kwargs, actor_gpus):
    options = engine_options(EngineArgs(model="m", num_gpus=num_gpus, engine_kwargs=kwargs), {})
    assert options["ray_actor_options"].get("num_gpus") == actor_gpus
    assert "placement_group_bundles" not in options


def test_the_ray_executor_gets_a_bundle_for_each_rank():
    kwargs = {"tensor_parallel_size": 2, "distributed_executor_backend": "ray"}
    args = EngineArgs(model="m", num_cpus=2, num_gpus=1, accelerator_type="H100", engine_kwargs=kwargs)
    options = engine_options(args, {})
    gpu = {"GPU": 1.0, "accelerator_type:H100": 0.001}
    assert options["placement_group_bundles"] == [{"CPU": 2.0}, gpu, gpu]
    assert "num_gpus" not in options["ray_actor_options"]


def test_serve_takes_the_options():
    app = engine_app(EngineArgs(model="m", num_gpus=1, replicas=Replicas(min=1, max=3), env={"X": "1"}))
    assert isinstance(app, serve.Application)
    split = {"tensor_parallel_size": 2, "distributed_executor_backend": "ray"}
    assert isinstance(engine_app(EngineArgs(model="m", num_gpus=1, engine_kwargs=split)), serve.Application)
