"""Whether agents whose tools change the world are ever answered from what was true before."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.cache.pairs.readings import Reading, open_model, read_texts
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.models.access import Principal
from turnout.models.openai.request import Operation, parse_request
from turnout.router.cache.controls import Controls
from turnout.router.cache.policy import CachePolicy, why_bypass
from turnout.router.cache.semantic.conversation import Message, assess_turn
from turnout.router.cache.semantic.lexicon import load_lexicon
from turnout.router.cache.semantic.verifier import Verifier
from turnout.router.values import Constraints

STEPS = 10_000
_MOST_RISK = 0.5
_COMPARING = CachePolicy(
    "1", keeps_tool_calls=False, time_words=()
)  # time words would spare the cache what is tried here
_ITEMS = ("bolts", "hinges", "screws", "brackets", "washers", "lamps")
_MOST_OF_AN_ITEM = 9
_REMEMBERED = 24
_GOALS = (
    "How many {item} are left in the warehouse?",
    "What's the stock of {item} in the warehouse?",
    "Order one more box of {item}",
    "Sell one box of {item}",
)
_FOLLOWING = ("How many are there now?", "go ahead", "yes, do it", "What does that leave us with?", "Is it enough?")
_TOOLS = [{"type": "function", "function": {"name": "stock", "parameters": {"type": "object"}}}]


@dataclass(frozen=True, slots=True)
class Step:
    """
    One request of an agent.

    Attributes:
        messages: role and text each.
        has_tools: whether the request offers tools, or the agent writes its calls as text.
        answer: what a model that sees everything says.
    """

    messages: tuple[tuple[str, str], ...]
    has_tools: bool
    answer: str


@dataclass(slots=True)
class _Kept:
    """What the cache has: by the whole request, and the latest ones to compare with."""

    exact: dict[str, str] = field(default_factory=dict)
    recent: list[tuple[Step, str]] = field(default_factory=list)


def measure_agents(setup: CacheSetup) -> Findings:
    """`stale_answers_in_10000_agent_steps`: each step asks the policy, the exact tier and the semantic one, which compares it with the latest."""
    steps = list(simulate(random.Random(setup.seed), STEPS))
    texts = [text for step in steps for _, text in step.messages]
    readings = read_texts(texts, load_lexicon(), open_model())
    verifier, kept = Verifier.load(), _Kept()
    exact = semantic = stale = 0
    for step in steps:
        key, may_compare = _describe(step)
        found = kept.exact.get(key)
        if found is not None:
            exact += 1
        elif may_compare:
            found = _find_alike(step, kept, readings, verifier)
            semantic += found is not None
        stale += found is not None and found != step.answer
        kept.exact[key] = step.answer
        if may_compare:
            kept.recent = [*kept.recent[1 - _REMEMBERED :], (step, step.answer)]
    remark = f"{exact} exact and {semantic} semantic hits in {len(steps):,} steps, of which {sum(step.has_tools for step in steps):,} offer tools"
    return Findings([Finding("stale_answers_in_10000_agent_steps", float(stale), remark)])


def simulate(randomness: random.Random, count: int) -> Iterator[Step]:
    """Agents one after the other, in a warehouse where every order and sale changes what the next one ought to say."""
    stock = {item: randomness.randrange(1, _MOST_OF_AN_ITEM) for item in _ITEMS}
    made = 0
    while made < count:
        for step in _run_agent(stock, randomness):
            made += 1
            if made > count:
                return
            yield step


def _run_agent(stock: dict[str, int], randomness: random.Random) -> Iterator[Step]:
    """A goal, a look, perhaps a change, and what the user says next."""
    item = randomness.choice(_ITEMS)
    goal = randomness.choice(_GOALS)
    has_tools = randomness.random() < 1 / 2
    result_role = "tool" if has_tools else "user"
    messages = [("user", goal.format(item=item))]
    yield Step(tuple(messages), has_tools, f"call stock({item})")
    messages += [("assistant", f"I'll look up {item}."), (result_role, f"Result: {stock[item]} boxes of {item}")]
    if goal.startswith(("Order", "Sell")):
        step = 1 if goal.startswith("Order") else -1
        stock[item] = min(_MOST_OF_AN_ITEM, max(0, stock[item] + step))
        yield Step(tuple(messages), has_tools, f"call change({item})")
        messages += [
            ("assistant", "I'll book it."),
            (result_role, f"Result: booked, {stock[item]} boxes of {item} left"),
        ]
    yield Step(tuple(messages), has_tools, f"There are {stock[item]} boxes of {item}.")
    messages += [("assistant", f"There are {stock[item]} boxes of {item}."), ("user", randomness.choice(_FOLLOWING))]
    yield Step(tuple(messages), has_tools, f"{messages[-1][1]} {item} {stock[item]}")


def _describe(step: Step) -> tuple[str, bool]:
    """The request in one form; and whether answers to others may do for it, which they never may where tools are offered."""
    body: dict[str, object] = {
        "model": "m",
        "messages": [{"role": role, "content": text} for role, text in step.messages],
    }
    if step.has_tools:
        body["tools"] = _TOOLS
    written = json.dumps(body)
    request = parse_request(Operation.CHAT, written.encode())
    reason = why_bypass(request, Principal("tenant", "key"), Constraints(False, 0.0), _COMPARING, Controls())
    return written, reason is None


def _find_alike(step: Step, kept: _Kept, readings: dict[str, Reading], verifier: Verifier) -> str | None:
    asked = _read(step, readings)
    for other, answer in reversed(kept.recent):
        if assess_turn(asked, _read(other, readings), verifier).risk < _MOST_RISK:
            return answer
    return None


def _read(step: Step, readings: dict[str, Reading]) -> list[Message]:
    return [Message(role, readings[text].vector, readings[text].wording) for role, text in step.messages]
