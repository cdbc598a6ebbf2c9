"""Who may go on with an answer, and how."""

import msgspec
import pytest

from tests.unit.models.openai.continuation.streams import POOL, REMOTE, REPLICA, chat, completions
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.terms import Obstacle
from turnout.models.openai.continuation.ways import Continuation, find_ways, tokens_to_ask
from turnout.models.openai.request import ApiRequest
from turnout.models.target import ContinueBy, Endpoint, Target

TOKENS, TEXT = Continuation.TOKENS, Continuation.TEXT
PREFILL, INSTRUCTION = Continuation.PREFILL, Continuation.INSTRUCTION
COUNTED = Progress("Hi", "a", 1, "m", 3, (1, 2, 3), (4, 5), 2, is_counted=True)
WORDS = Progress("Hi", "a", 1, "m", output_tokens=1)
UNBOUNDED = Endpoint("r", "127.0.0.1", 1)


def target(continues_by: ContinueBy, is_local: bool = False) -> Target:
    return Target("t", "m", "openai_compatible", is_local=is_local, continues_by=continues_by)


def ways(
    progress: Progress = COUNTED,
    request: ApiRequest | None = None,
    to: Target = POOL,
    endpoint: Endpoint = REPLICA,
    is_same_target: bool = True,
) -> tuple[Continuation, ...]:
    return find_ways(request or chat(), progress, to, endpoint, is_same_target)


def test_replicas_of_one_pool_pass_tokens_and_other_pools_text() -> None:
    assert ways() == (TOKENS, TEXT, INSTRUCTION)
    assert ways(is_same_target=False) == (TEXT, INSTRUCTION)
    assert ways(WORDS) == (TEXT, INSTRUCTION)


def test_a_pool_that_is_never_to_take_over_still_passes_tokens_to_itself() -> None:
    never = target(ContinueBy.NEVER, is_local=True)
    assert ways(to=never) == (TOKENS,)
    assert ways(to=never, is_same_target=False) == ()


@pytest.mark.parametrize(
    ("continues_by", "found"),
    [
        (ContinueBy.PREFILL, (PREFILL, INSTRUCTION)),
        (ContinueBy.INSTRUCTION, (INSTRUCTION,)),
        (ContinueBy.NEVER, ()),
    ],
)
def test_a_provider_goes_on_as_configured(continues_by: ContinueBy, found: tuple[Continuation, ...]) -> None:
    assert ways(to=target(continues_by)) == found


def test_completions_are_continued_by_their_prompt_and_never_by_instruction() -> None:
    assert ways(request=completions()) == (TOKENS, TEXT)
    assert ways(request=completions(prompt=["Once"])) == (TOKENS, TEXT)
    assert ways(request=completions(prompt=[1, 2, 3])) == (TOKENS,)
    assert ways(request=completions(), to=REMOTE) == (PREFILL,)
    assert ways(request=completions(prompt=[1, 2, 3]), to=REMOTE) == ()
    assert ways(request=completions(), to=target(ContinueBy.NEVER)) == ()


def test_an_obstacle_or_no_text_leaves_no_way() -> None:
    for obstacle in Obstacle:
        assert ways(msgspec.structs.replace(COUNTED, obstacle=obstacle)) == ()
    assert ways(msgspec.structs.replace(COUNTED, text="", token_ids=())) == ()


def test_tokens_are_not_passed_where_the_text_lags_behind_them() -> None:
    assert ways(request=chat(stop=["###"])) == (TEXT, INSTRUCTION)
    assert ways(request=chat(stop=["\n", "#"])) == (TOKENS, TEXT, INSTRUCTION)
    assert ways(request=chat(stop="ab")) == (TEXT, INSTRUCTION)


def test_tokens_are_not_passed_past_a_parser_of_tool_calls() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert ways(request=chat(tools=tools)) == (TEXT, INSTRUCTION)
    assert ways(request=chat(tools=tools, tool_choice="none"))[0] is TOKENS
    assert ways(request=chat(tools=[]))[0] is TOKENS


def test_tokens_are_passed_only_with_a_known_limit() -> None:
    assert ways(endpoint=UNBOUNDED) == (TEXT, INSTRUCTION)
    assert ways(request=chat(max_tokens=9), endpoint=UNBOUNDED)[0] is TOKENS
    assert tokens_to_ask(chat(max_tokens=9), COUNTED, UNBOUNDED) == 7
    assert tokens_to_ask(chat(), COUNTED, REPLICA) == 4096 - 5
    assert tokens_to_ask(chat(), COUNTED, Endpoint("r", "127.0.0.1", 1, context_tokens=5)) is None
    assert tokens_to_ask(completions(), COUNTED, UNBOUNDED) == 14, "completions stop at 16 if nothing is said"
