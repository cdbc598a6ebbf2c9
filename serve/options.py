"""Turns the `args` of an application into Serve's deployment options."""

from collections.abc import Mapping
from typing import Any

from ray.serve.config import AutoscalingConfig, RequestRouterConfig

from turnout.serve.config.arguments import EngineArgs, ScaledArgs

LOOK_BACK_S = 5.0
"""Means of in-flight counts are over this long: delays are what smooths scaling, and are the user's."""

AFTER_DRAIN_S = 15.0
"""What a stopped replica has left after its drain, to end an engine's processes, before Serve kills it."""

LOAD_PERIOD_S = 1.0
HEALTH_PERIOD_S = 1.0
HEALTH_TIMEOUT_S = 10.0


def deployment_options(args: ScaledArgs, env: Mapping[str, str]) -> dict[str, Any]:
    """
    Options for `serve.Deployment.options`, for a deployment whose replicas have listeners of their own.

    Args:
        args: what the cluster file says.
        env: environment variables of the replicas' processes.
    """
    options: dict[str, Any] = {
        **_scale(args),
        "ray_actor_options": _actor(args, env),
        # Handle calls (`wake`, tests) only; requests are counted and limited by the listener.
        "max_ongoing_requests": 1000,
        # Without it a rolling update stops the old replica before the new one listens.
        "max_surge_percent": 100,
        "graceful_shutdown_wait_loop_s": 0.1,
        "graceful_shutdown_timeout_s": args.drain_s + AFTER_DRAIN_S,
        "health_check_period_s": HEALTH_PERIOD_S,
        "health_check_timeout_s": HEALTH_TIMEOUT_S,
        "request_router_config": RequestRouterConfig(request_routing_stats_period_s=LOAD_PERIOD_S),
    }
    if args.max_replicas_per_node is not None:
        options["max_replicas_per_node"] = args.max_replicas_per_node
    return options


def engine_options(args: EngineArgs, env: Mapping[str, str]) -> dict[str, Any]:
    """
    The same for a vLLM pool, with one GPU for each rank of a model split over several (`tensor_parallel_size`, `pipeline_parallel_size`).

    The ranks are the replica's own child processes, on one node, and all GPUs are the replica's; that is vLLM's `mp` executor. With
    `distributed_executor_backend: ray` they are Ray actors in a placement group of one GPU bundle each, which may span nodes.
    """
    options = deployment_options(args, env)
    ranks = int(args.engine_kwargs.get("tensor_parallel_size", 1)) * int(
        args.engine_kwargs.get("pipeline_parallel_size", 1)
    )
    if args.num_gpus == 0 or ranks == 1:
        return options
    actor = options["ray_actor_options"]
    if args.engine_kwargs.get("distributed_executor_backend") == "ray":
        bundle = {"GPU": 1.0} | ({f"accelerator_type:{args.accelerator_type}": 0.001} if args.accelerator_type else {})
        options["placement_group_bundles"] = [{"CPU": args.num_cpus, **args.resources}, *([bundle] * ranks)]
        options["placement_group_strategy"] = "PACK"
        actor.pop("num_gpus")
        actor.pop("accelerator_type", None)
    else:
        actor["num_gpus"] = max(args.num_gpus, float(ranks))
    return options


def _scale(args: ScaledArgs) -> dict[str, Any]:
    if args.replicas.min == args.replicas.max:
        return {"num_replicas": args.replicas.min}
    policy = {
        "policy_function": "turnout.serve.scaling:InFlightPolicy",
        "policy_kwargs": {"target_in_flight": args.target_in_flight},
    }
    autoscaling = AutoscalingConfig(
        min_replicas=args.replicas.min,
        max_replicas=args.replicas.max,
        initial_replicas=args.replicas.initial,
        upscale_delay_s=args.upscale_delay_s,
        downscale_delay_s=args.downscale_delay_s,
        look_back_period_s=LOOK_BACK_S,
        policy=policy,
    )
    return {"num_replicas": None, "autoscaling_config": autoscaling}


def _actor(args: ScaledArgs, env: Mapping[str, str]) -> dict[str, Any]:
    actor: dict[str, Any] = {"num_cpus": args.num_cpus, "runtime_env": {"env_vars": dict(env)}}
    if args.num_gpus:
        actor["num_gpus"] = args.num_gpus
    if args.accelerator_type:
        actor["accelerator_type"] = args.accelerator_type
    if args.resources:
        actor["resources"] = dict(args.resources)
    if args.label_selector:
        actor["label_selector"] = dict(args.label_selector)
    return actor
