"""Faults of the cluster itself, on one of its own: routers, engines and Serve's controller killed, settings changed, slots full."""

from turnout.benchmarks.findings import Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.disruption.ground import LOCAL_FAULTS, start_ground
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.benchmarks.steps import Step, run_steps


def measure_local_faults(setup: FaultSetup) -> Findings:
    """Every row of `LOCAL_FAULTS`; one that fails has no value and doesn't stop the rest."""
    if setup.load is None:
        raise NotMeasurable("only a cluster that this run starts may be broken")
    steps = [Step(name, (name,), measure) for name, measure in LOCAL_FAULTS.items()]
    with start_ground(setup.load.client, setup.randomness) as ground:
        values, samples, _ = run_steps(steps, ground, lambda text: say(f"  {text}"))
    return Findings(values, samples)
