"""Which scenarios a run of `faults` consists of."""

from collections.abc import Iterator

from turnout.benchmarks.scenarios.disruption.ground import LOCAL_FAULTS
from turnout.benchmarks.scenarios.faults.aborts import measure_aborts
from turnout.benchmarks.scenarios.faults.assembly import Options
from turnout.benchmarks.scenarios.faults.exactness import measure_exactness
from turnout.benchmarks.scenarios.faults.local import measure_local_faults
from turnout.benchmarks.scenarios.faults.price import measure_price
from turnout.benchmarks.scenarios.faults.seams import measure_seams
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.table import measure_suite
from turnout.benchmarks.scenarios.faults.volume import measure_broken_streams, measure_mixed_faults, measure_storm
from turnout.benchmarks.steps import Step

QUICK_STEPS = ("suite", "mixed", "streams", "seams", "aborts", "price")
STEPS = ("suite", "mixed", "storm", "streams", "seams", "aborts", "price", "exact", "local")
"""Every scenario, in its order."""


def plan_steps(options: Options) -> list[Step[FaultSetup]]:
    """The scenarios of this run, less those that `--only` leaves out."""
    wanted = options.only or (QUICK_STEPS if options.is_quick else STEPS)
    return [step for step in _describe_steps() if step.name in wanted]


def _describe_steps() -> Iterator[Step[FaultSetup]]:
    yield Step("suite", ("passed_of_16_unary", "passed_of_16_stream"), measure_suite)
    mixed = ("success_at_30pct_faults", "attempts_per_request_at_30pct_faults")
    yield Step("mixed", mixed, measure_mixed_faults)
    yield Step("storm", ("attempts_per_request_in_storm",), measure_storm)
    yield Step("streams", ("indistinguishable_broken_streams",), measure_broken_streams)
    yield Step("seams", ("duplicated_or_lost_tokens",), measure_seams)
    yield Step("aborts", ("leaked_after_aborts", "upstream_closed_after_client_left_p99_ms"), measure_aborts)
    yield Step("price", ("added_us_resilience",), measure_price)
    yield Step("exact", ("continued_equals_uninterrupted_float32",), measure_exactness)
    yield Step("local", tuple(LOCAL_FAULTS), measure_local_faults)
