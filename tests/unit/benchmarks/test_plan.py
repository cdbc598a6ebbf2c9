"""The command line of the load clients, and their JSON."""

import msgspec
import pytest

from turnout.benchmarks.load.plan import LoadPlan, LoadResult

JSON = (
    b'{"client":"c","connections":2,"elapsed_s":1.5,"sent":5,"ok":2,"rps":1.33,"bad_status":1,"last_bad_status":503,"bad_body":0,"lost":1,'
    b'"refused":0,"stuck":1,"reconnects":0,"late":0,"streams":0,"events":0,"events_per_s":0.0,"own_cpu_s":0.001,"failures":[{"kind":"lost",'
    b'"status":0,"opened_ns":1,"planned_ns":2,"failed_ns":3}],"latency_samples_us":[10.0,20.5],"latency":{"n":2,"mean":15.2,"p50":10.0,"p90":10.0,'
    b'"p99":10.0,"p999":10.0,"max":20.5}}'
)


def test_a_result_is_read_with_its_failures_and_samples() -> None:
    result = msgspec.json.decode(JSON, type=LoadResult)
    assert (result.failed, result.failures[0].kind, result.latency_samples_us) == (3, "lost", [10.0, 20.5])
    assert result.latency is not None
    assert result.latency.max == 20.5
    assert result.ttft is None


def test_failures_are_described_in_one_line() -> None:
    assert (
        msgspec.json.decode(JSON, type=LoadResult).describe_failures()
        == "1 bad status, 1 lost, 1 stuck of 5 (last status 503)"
    )


def test_a_result_without_a_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="connections"):
        msgspec.json.decode(b'{"client":"c"}', type=LoadResult)


def test_a_plan_becomes_the_arguments_of_the_client() -> None:
    plan = LoadPlan(
        "http://h:81/v1/x", b"", (("A", "b"),), connections=4, requests=9, rate=2.5, expected="ok", raw_samples=3
    )
    line = " ".join(plan.to_arguments("body.json"))
    assert line == "-a h -p 81 -P /v1/x -b body.json -c 4 -t 10.0 -s 3 -n 9 -R 2.5 -e ok -H A: b"


@pytest.mark.parametrize(("url", "port", "is_tls"), [("https://h/v1", "443", True), ("http://h/v1", "80", False)])
def test_a_url_without_port_has_its_schemes(url: str, port: str, is_tls: bool) -> None:
    plan = LoadPlan(url, b"")
    assert plan.to_arguments("f")[3] == port
    assert plan.is_tls is is_tls
