"""What `turnout check` tells of a cluster file."""

from pathlib import Path

import pytest

from turnout.serve.config.check import check_file, check_text, load_file
from turnout.serve.config.environment import check_environment
from turnout.serve.config.problem import Problem
from turnout.serve.config.secret import ConfigError

GOOD = """\
proxy_location: Disabled
applications:
  - name: pool
    route_prefix: null
    import_path: turnout.serve.apps:engine
    args: {model: ., replicas: {min: 1, max: 2}}
  - name: control
    route_prefix: null
    import_path: turnout.serve.apps:control
    args: {state_dir: ~/.turnout/test}
  - name: router
    route_prefix: null
    import_path: turnout.serve.apps:router
    args: {host: 127.0.0.1, port: 8000}
    deployments:
      - name: Router
        user_config:
          auth: {keys: "env:KEYS"}
          providers:
            far: {base_url: "https://far.example/v1", api_key: "env:FAR_KEY"}
          models:
            - name: small
              targets:
                - {name: here, pool: pool}
                - {name: there, provider: far, model: big-1, input_cost_per_token: 0.0000000375}
"""
ENVIRON = {"KEYS": "alice=sk-0123456789", "FAR_KEY": "sk-far"}


def check(text: str, environ: dict[str, str] | None = None) -> list[Problem]:
    found = check_text(text, ENVIRON if environ is None else environ)
    return [
        problem for problem in found if not problem.path.endswith("args.model")
    ]  # the model may or may not be on this machine


def only(text: str, environ: dict[str, str] | None = None) -> Problem:
    (problem,) = check(text, environ)
    return problem


def test_a_good_file_has_no_problems() -> None:
    assert check(GOOD) == []


def test_an_unknown_key_is_told_with_its_place_its_line_and_the_key_that_was_meant() -> None:
    problem = only(GOOD.replace("min: 1", "mim: 1"))
    assert problem.path == "applications[0].args.replicas.mim"
    assert problem.line == 6
    assert problem.hint == "did you mean 'min'?"


def test_all_problems_are_told_at_once_also_those_between_parts_of_a_file_with_wrong_parts() -> None:
    text = (
        GOOD.replace("min: 1", "mim: 1")
        .replace("pool: pool", "pool: pol")
        .replace("port: 8000", "port: eight")
        .replace("provider: far", "provider: fra")
    )
    assert {problem.path for problem in check(text) if problem.severity == "error"} == {
        "applications[0].args.replicas.mim",
        "applications[2].args.port",
        "applications[2].deployments[0].user_config.models[0].targets[0].pool",
        "applications[2].deployments[0].user_config.models[0].targets[1].provider",
    }


def test_a_file_without_keys_may_leave_them_all_to_control() -> None:
    assert not [
        each for each in check(GOOD.replace('keys: "env:KEYS"', "virtual_keys: only")) if each.severity == "error"
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "path", "says"),
    [
        (
            "pool: pool}",
            "pool: pol}",
            "applications[2].deployments[0].user_config.models[0].targets[0].pool",
            "did you mean 'pool'?",
        ),
        (
            "pool: pool}",
            "pool: control}",
            "applications[2].deployments[0].user_config.models[0].targets[0].pool",
            "is a control",
        ),
        (
            "provider: far",
            "provider: fare",
            "applications[2].deployments[0].user_config.models[0].targets[1].provider",
            "did you mean 'far'?",
        ),
        (
            "name: there",
            "name: here",
            "applications[2].deployments[0].user_config.models[0].targets[1].name",
            "'here' is there already",
        ),
        ("port: 8000", "port: 8001", "applications[2].args.port", "taken by 'control'"),
        (
            "serve.apps:engine",
            "serve.app:engine",
            "applications[0].import_path",
            "did you mean 'turnout.serve.apps:engine'?",
        ),
        ("name: Router", "name: Ruter", "applications[2].deployments[0].name", "should be 'Router'"),
        ("Disabled", "EveryNode", "proxy_location", "write proxy_location: Disabled"),
        (
            "env:FAR_KEY",
            "sk-secret",
            "applications[2].deployments[0].user_config.providers.far.api_key",
            "env:NAME or file:PATH",
        ),
        (
            "0.0000000375",
            "0.00000000000375",
            "applications[2].deployments[0].user_config.models[0].targets[1].input_cost_per_token",
            "pico-USD",
        ),
        (
            "0.0000000375",
            "-1",
            "applications[2].deployments[0].user_config.models[0].targets[1].input_cost_per_token",
            "not negative",
        ),
        ("max: 2", "max: 0", "applications[0].args.replicas.max", "greater than 0"),
        ("min: 1", "min: 3", "applications[0].args.replicas", "max (2) is below min (3)"),
        (
            "model: .,",
            "model: ., target_ongoing_requests: 2,",
            "applications[0].args.target_ongoing_requests",
            "use args.target_in_flight",
        ),
        (
            "model: .,",
            "model: ., env: {HF_TOKEN: x},",
            "applications[0].args.env",
            "set it in the environment of the node",
        ),
        (
            "model: .,",
            "model: ., served_name: other,",
            "applications[2].deployments[0].user_config.models[0].targets[0].pool",
            "write model: other",
        ),
        ('{keys: "env:KEYS"}', "{}", "applications[2].deployments[0].user_config.auth", "nobody may ask"),
        (
            '{keys: "env:KEYS"}',
            '{keys: "env:KEYS", virtual_keys: only}',
            "applications[2].deployments[0].user_config.auth",
            "take one of them out",
        ),
        (
            "provider: far, model: big-1",
            "provider: far",
            "applications[2].deployments[0].user_config.models[0].targets[1]",
            "model is missing",
        ),
        (
            "https://far.example/v1",
            "far.example/v1",
            "applications[2].deployments[0].user_config.providers.far.base_url",
            "starts with http",
        ),
    ],
)
def test_each_mistake_is_told_where_it_is_with_a_way_to_mend_it(wrong: str, right: str, path: str, says: str) -> None:
    assert wrong in GOOD
    problems = [problem for problem in check(GOOD.replace(wrong, right)) if problem.severity == "error"]
    assert [problem.path for problem in problems] == [path]
    assert says in f"{problems[0].message} {problems[0].hint}"


def test_a_secret_written_into_the_file_is_not_repeated() -> None:
    assert "sk-secret" not in str(only(GOOD.replace("env:FAR_KEY", "sk-secret")))


def test_a_route_without_keys_may_only_listen_on_loopback() -> None:
    text = GOOD.replace('{keys: "env:KEYS"}', "{open_on_loopback: true}")
    assert check(text) == []
    problem = only(text.replace("127.0.0.1", "0.0.0.0"))
    assert problem.path == "applications[2].deployments[0].user_config.auth.open_on_loopback"
    assert "0.0.0.0" in problem.message


def test_scaling_by_serves_request_counts_is_refused_wherever_it_stands() -> None:
    text = GOOD + "    logging_config: {log_level: INFO}\n"
    text = text.replace(
        "    args: {model: ., replicas: {min: 1, max: 2}}\n",
        "    args: {model: .}\n    deployments:\n      - {name: Engine, autoscaling_config: {target_ongoing_requests: 2}}\n",
    )
    problems = check(text)
    assert [problem.path for problem in problems] == [
        "applications[0].deployments[0].autoscaling_config",
        "applications[0].deployments[0].autoscaling_config.target_ongoing_requests",
    ]
    assert "target_in_flight" in problems[1].hint


def test_a_missing_environment_variable_is_a_warning_because_another_node_may_have_it() -> None:
    problem = only(GOOD, {"KEYS": "sk-0123456789"})
    assert problem.severity == "warning"
    assert "FAR_KEY" in problem.message


def test_a_malformed_key_list_is_an_error_that_does_not_hold_the_key() -> None:
    problem = only(GOOD, ENVIRON | {"KEYS": "sk-0123456789,short"})
    assert problem.severity == "error"
    assert "entry 2" in problem.message
    assert "short" not in str(problem)


def test_a_route_prefix_is_refused_whether_it_is_written_or_left_to_serve() -> None:
    assert "route_prefix: null" in only(GOOD.replace("    route_prefix: null\n", "", 1)).hint
    assert "publish" in only(GOOD.replace("route_prefix: null", "route_prefix: /", 1)).message


def test_a_model_that_is_on_no_disk_is_told_with_the_command_that_gets_it() -> None:
    (problem,) = [
        p
        for p in check_text(GOOD.replace("model: .", "model: nobody/has-this"), ENVIRON)
        if p.path.endswith("args.model")
    ]
    assert problem.severity == "warning"
    assert "turnout models pull nobody/has-this" in problem.message


def test_a_syntax_error_is_told_with_its_line() -> None:
    problem = only("proxy_location: Disabled\napplications: [\n  - name\n  }")
    assert "not YAML" in problem.message
    assert problem.line == 3 or problem.line == 4


def test_a_key_written_twice_is_told() -> None:
    problem = only(GOOD.replace("name: pool\n", "name: pool\n    name: pool\n", 1))
    assert problem.path == "applications[0].name"
    assert problem.line == 4


def test_a_yaml_alias_that_holds_itself_does_not_hang() -> None:
    assert check("applications: &a [*a]\nproxy_location: Disabled\n") != []


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "applications: 3", "proxy_location: Disabled\napplications: [1, null, {}]"]
)
def test_something_that_is_no_cluster_file_at_all_is_told_and_never_raises(text: str) -> None:
    assert any(problem.severity == "error" for problem in check(text))


def test_a_cluster_without_router_or_control_is_told() -> None:
    text = GOOD.partition("  - name: control")[0]
    assert [problem.message.split(",")[0] for problem in check(text)] == ["there is no router", "there is no control"]


def test_the_environment_that_brings_serves_ingress_back_is_refused_in_the_process_and_in_the_file(
    tmp_path: Path,
) -> None:
    assert check_environment({"RAY_SERVE_ENABLE_HA_PROXY": "0"}) == []
    (problem,) = check_environment({"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"})
    assert "RAY_SERVE_THROUGHPUT_OPTIMIZED" in problem.message
    text = GOOD.replace(
        "    args: {model: .",
        "    runtime_env: {env_vars: {RAY_SERVE_ENABLE_DIRECT_INGRESS: '1'}}\n    args: {model: .",
    )
    assert only(text).path == "applications[0].runtime_env.env_vars.RAY_SERVE_ENABLE_DIRECT_INGRESS"


def test_a_file_with_errors_is_not_loaded_and_the_first_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(GOOD.replace("min: 1", "mim: 1"))
    with pytest.raises(ConfigError, match=r"applications\[0\].args.replicas.mim"):
        load_file(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (problem,) = check_file(tmp_path / "none.yaml", {})
    assert "can't be read" in problem.message


SCRIPTED = GOOD.replace(
    "turnout.serve.apps:engine\n    args: {model: ., replicas: {min: 1, max: 2}}",
    "turnout.serve.apps:scripted_engine\n    args: {script: {models: {'*': {}}}, replicas: {min: 1, max: 2}}",
)


def test_a_scripted_pool_is_a_pool() -> None:
    assert "scripted_engine" in SCRIPTED
    assert check(SCRIPTED) == []
    assert check(SCRIPTED.replace("script: {models: {'*': {}}}, ", "")) == []


def test_a_wrong_key_in_a_script_is_told_with_its_place_and_the_key_that_was_meant() -> None:
    problem = only(SCRIPTED.replace("'*': {}", "'*': {latencies: {}}"))
    assert problem.path == "applications[0].args.script.models['*'].latencies"
    assert problem.hint == "did you mean 'latency'?"


def test_a_script_without_the_pools_model_is_told() -> None:
    problem = only(SCRIPTED.replace("'*': {}", "other: {}"))
    assert problem.path == "applications[0].args.script.models"
    assert "'pool'" in problem.message


def test_a_script_in_a_file_is_looked_at_where_it_is_on_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    text = SCRIPTED.replace("{models: {'*': {}}}", str(file))
    assert only(text).severity == "warning"
    file.write_text("models: {'*': {latencies: {}}}")
    assert "latencies" in only(text).message
    file.write_text("models: {'*': {}}")
    assert check(text) == []
