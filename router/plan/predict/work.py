"""What is under way at one endpoint: the router's own truth, at once, and what the engine says of others'."""

from collections import deque

from turnout.models.target import Load

FOREIGN_S = 2.0
"""Half-life of what others were seen to have under way there, until the engine says something newer."""

STALE_S = 60.0
"""An endpoint where requests run and nothing has been heard for so long is one of which nothing is known."""

STEP_TOKENS = 2048
"""Of a prompt this long, what others add to its last step is the smaller part; vLLM's steps have so many tokens by default."""

_LEAST_S = 0.001
_LEAST_USED = 0.2
_ROOM_STEP = 0.1


class Stay:
    """
    One request's stay at an endpoint. Made and changed by its Work.

    Attributes:
        prompt_tokens: of the request.
        new_tokens: those of them that the endpoint hasn't cached, as far as is known.
        prefill_s: what they were expected to take.
        begun_at: loop time at which it was sent.
        due_at: loop time at which they were expected to be done.
        is_long: it was begun as one of the few long prompts that may run at once.
        is_prefilled: it had its first token, or should have had it and is silent until its end.
        first_at: loop time of its first token, or None.
        beside: sequences running there when it was prefilled.
    """

    __slots__ = (
        "begun_at",
        "beside",
        "due_at",
        "first_at",
        "is_long",
        "is_prefilled",
        "new_tokens",
        "prefill_s",
        "prompt_tokens",
    )

    def __init__(self, prompt_tokens: int, new_tokens: int, prefill_s: float, begun_at: float) -> None:
        self.prompt_tokens = prompt_tokens
        self.new_tokens = new_tokens
        self.prefill_s = prefill_s
        self.begun_at = self.due_at = begun_at
        self.is_long = self.is_prefilled = False
        self.first_at: float | None = None
        self.beside = 0.0

    def __repr__(self) -> str:
        return f"<Stay of {self.prompt_tokens} tokens, {self.new_tokens} new, since {self.begun_at:.3f}>"


class Work:
    """
    Owns what runs at one endpoint: own requests as they begin, have their first token and end; others' by the load in the head of answers.

    Attributes:
        is_engine: prompts are prefilled there one after the other; a provider has room for all that it lets in.
        due: own requests that aren't prefilled yet.
        due_tokens: what is to be prefilled for them.
        longs: those of them that were begun as long ones.
        running: own requests that are.
        resident_tokens: prompt tokens of all of these.
        first_at: loop time of the last first token.
        room_tokens: what the KV cache seems to hold, or None until that can be told.
    """

    __slots__ = (
        "_due_s",
        "_foreign_at",
        "_foreign_running",
        "_foreign_tokens",
        "_free_at",
        "_heard_at",
        "_most_in_flight",
        "_most_tokens",
        "_silent",
        "due",
        "due_tokens",
        "first_at",
        "is_engine",
        "longs",
        "resident_tokens",
        "room_tokens",
        "running",
    )

    def __init__(self, *, is_engine: bool = True) -> None:
        self.is_engine = is_engine
        self.due = self.due_tokens = self.longs = self.running = self.resident_tokens = 0
        self.first_at = 0.0
        self.room_tokens: float | None = None
        self._due_s = self._free_at = self._heard_at = 0.0
        self._foreign_tokens = self._foreign_running = self._foreign_at = 0.0
        self._most_tokens = self._most_in_flight = 0
        self._silent: deque[Stay] = deque()

    def __repr__(self) -> str:
        return f"<Work {self.due} due with {self.due_tokens} tokens, {self.running} running, room {self.room_tokens}>"

    def is_stale(self, now: float) -> bool:
        """Whether requests run there of which nothing has been heard for long."""
        return self.due + self.running > 0 and now - self._heard_at > STALE_S

    def foreign_tokens(self, now: float) -> float:
        """Prompt tokens of other routers to be prefilled there, as last seen and fading."""
        return self._foreign_tokens * self._fade(now) if self._foreign_tokens else 0.0

    def batch(self, now: float) -> float:
        """Sequences there, own and others', prefilled or not."""
        own = self.due + self.running
        return own + self._foreign_running * self._fade(now) if self._foreign_running else own

    def wait_s(self, now: float) -> float:
        """Seconds until own requests there are prefilled; where they should have been by now, half of what they are late by."""
        if self._silent:
            self._forget_silent(now)
        if not self.due or not self.is_engine:
            return 0.0
        left_s = self._free_at - now
        return left_s if left_s > 0.0 else min(-left_s, STALE_S) * 0.5

    def begin(self, prompt_tokens: int, new_tokens: int, prefill_s: float, now: float, *, is_silent: bool) -> Stay:
        """
        A request is sent there; its uncached tokens should take `prefill_s`.

        Args:
            is_silent: its first token won't be seen, since it comes with the whole answer.
        """
        stay = Stay(prompt_tokens, new_tokens, prefill_s, now)
        if not self.due and not self.running:
            self._heard_at = now
        self._free_at = (max(self._free_at, now) if self.due else now) + prefill_s
        stay.due_at = self._free_at
        self.due += 1
        self.due_tokens += new_tokens
        self._due_s += prefill_s
        self.resident_tokens += prompt_tokens
        self._most_tokens = max(self._most_tokens, self.due_tokens)
        self._most_in_flight = max(self._most_in_flight, self.due + self.running)
        if is_silent:
            self._silent.append(stay)
        return stay

    def mark_long(self, stay: Stay) -> None:
        """It's one of the few long ones that may be prefilled at once."""
        stay.is_long = True
        self.longs += 1

    def first(self, stay: Stay, now: float) -> float | None:
        """Its first token has come; how long its own prefill took, or None where that can't be told from others' that shared steps with it."""
        took_s = now - (max(stay.begun_at, self.first_at) if self.is_engine else stay.begun_at)
        self._heard_at = self.first_at = stay.first_at = now
        if not stay.is_prefilled:
            self._note_prefilled(stay, now)
        is_told_apart = not self.due or stay.new_tokens >= STEP_TOKENS or not self.is_engine
        return took_s if took_s > _LEAST_S and is_told_apart else None

    def end(self, stay: Stay, now: float) -> None:
        """It's over, however it went."""
        self._heard_at = now
        if not stay.is_prefilled:
            self._note_prefilled(stay, now)
        self.running -= 1
        self.resident_tokens -= stay.prompt_tokens

    def heed(self, load: Load, now: float) -> None:
        """
        The engine said what it has: what can't have been ours is others'.

        It said so a while ago, and by now some of ours may be over: what counts is the most that we had there since it was last heard.
        """
        self._heard_at = self._foreign_at = now
        self._foreign_tokens = float(max(0, load.prefill_tokens - self._most_tokens))
        self._foreign_running = float(max(0, load.running + load.waiting - self._most_in_flight))
        self._most_tokens, self._most_in_flight = self.due_tokens, self.due + self.running
        if load.kv_used >= _LEAST_USED and not self._foreign_running and self.resident_tokens:
            seen = self.resident_tokens / load.kv_used
            known = self.room_tokens
            self.room_tokens = seen if known is None else known + _ROOM_STEP * (seen - known)

    def _note_prefilled(self, stay: Stay, now: float) -> None:
        """What came before it must have been prefilled too, so the time for what's left counts from now."""
        stay.is_prefilled = True
        stay.beside = self.running + self._foreign_running
        self.running += 1
        self.due -= 1
        self.due_tokens -= stay.new_tokens
        self.longs -= stay.is_long
        self._due_s = self._due_s - stay.prefill_s if self.due else 0.0
        self._free_at = now + self._due_s

    def _forget_silent(self, now: float) -> None:
        """Take those for prefilled that should be by now, since nothing will tell."""
        silent = self._silent
        while silent and (silent[0].is_prefilled or silent[0].due_at <= now):
            stay = silent.popleft()
            if not stay.is_prefilled:
                self._note_prefilled(stay, stay.due_at)

    def _fade(self, now: float) -> float:
        return float(0.5 ** ((now - self._foreign_at) / FOREIGN_S))
