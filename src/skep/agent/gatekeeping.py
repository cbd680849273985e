"""The gatekeeper: which requests need leave of the store's gates, and what is told of them.

A request whose model has limits always knocks. Any other one knocks only where a breaker is open
or a provider wants to be left alone; a process knows that from a look at the gates which is at most
`SIGHT_S` old, and is taken only while it makes requests. So while nothing is limited and nothing
fails, a request costs no call of its own. What succeeds is counted here and told with the next
failure.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from skep.policy.admission import is_troubled
from skep.policy.breaker import BREAKER
from skep.policy.faults import LIMITING, OF_THE_PROVIDER, TRIPPING, Fault
from skep.policy.limits import gates_of
from skep.ports.gates import Gates
from skep.ports.system import Chance, Clock
from skep.records.errors import SkepError
from skep.records.gate import BOUNDLESS, GateReport, Knock, Limits, Passage, Wait, WaitReason
from skep.records.outcome import ErrorClass, Failure

SIGHT_S: Final = 1.0
"""How old may be what a process knows of gates without limits."""

PATIENCE_S: Final = 1.0
"""How long a request waits in place for its turn: as long as a sleep, a sweep and a claim take."""

EXPIRES_S: Final = 600.0
"""How long a request counts behind a gate when its worker died."""

LATE_S: Final = 0.25
"""How late a request may be for its turn; later, it would come together with those behind it."""

KNOCKS_MAX: Final = 3
"""How often a request that comes too late for its turn asks for another one."""

GATE_WAITS: Final = "gate_waits"
"""The code of the failure of a request that was not let through."""

WHY: Final[Mapping[WaitReason, str]] = {
    WaitReason.REQUESTS: "the requests of its limit are used up",
    WaitReason.TOKENS: "the tokens of its limit are used up",
    WaitReason.AT_ONCE: "it is asked as much at once as its limit says",
    WaitReason.BREAKER: "it failed again and again, and is tried again then",
    WaitReason.REST: "that is its own word",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where leave is asked for: the gates of a store, and the system."""

    gates: Gates
    clock: Clock
    chance: Chance


@dataclass(slots=True, kw_only=True)
class Successes:
    """How many requests went well at one gate since `since`, and were not told."""

    since: float
    count: int = 0


@dataclass(slots=True, kw_only=True)
class Gatekeeper:
    """The limits of a process, and what it saw last of its store's gates."""

    limits: Mapping[str, Limits] = field(default_factory=dict[str, Limits])
    seen_at: float | None = None
    troubled: frozenset[str] = frozenset()
    successes: dict[str, Successes] = field(default_factory=dict[str, Successes])

    def is_limited(self, model: str) -> bool:
        """Say whether every request to a model has to knock."""
        return any(name in self.limits for name in gates_of(model))

    async def enter(
        self, model: str, door: Door, *, is_provided: bool, tokens: Callable[[], int]
    ) -> "Entry | Wait":
        """Ask leave for a request to a model, and wait in place when its turn is near.

        `tokens` tells what the request may take at most. Raises `StoreUnavailable`.
        """
        names, is_limited = gates_of(model), self.is_limited(model)
        entry = Entry(keeper=self, door=door, gates=names, is_watched=is_limited or is_provided)
        if not is_limited and not (is_provided and await self._is_troubled(names, door)):
            return entry
        many = tokens()
        for left in reversed(range(KNOCKS_MAX)):
            if (wait := await entry.knock(many)) is not None:
                return wait
            if not left or not entry.is_late:
                break
            await entry.abandoned()
        return entry

    async def _is_troubled(self, names: Iterable[str], door: Door) -> bool:
        at = door.clock.monotonic()
        if self.seen_at is None or at - self.seen_at >= SIGHT_S:
            gates, now = await door.gates.read(), door.clock.now()
            self.troubled = frozenset(each.name for each in gates if is_troubled(each, now))
            self.seen_at = at
        return not self.troubled.isdisjoint(names)


@dataclass(slots=True, kw_only=True)
class Entry:
    """A request that may be made; it has an `id` when a pass was needed for it."""

    keeper: Gatekeeper
    door: Door
    gates: tuple[str, ...]
    is_watched: bool
    id: str = ""
    turn_at: float = 0.0

    @property
    def is_late(self) -> bool:
        """Say whether its turn is past, as when the process was held up by something else."""
        return self.door.clock.monotonic() - self.turn_at > LATE_S

    async def knock(self, tokens: int) -> Wait | None:
        """Ask leave and wait for the turn; gives what is waited for when it is not near."""
        limits = self.keeper.limits
        asked = Knock(
            id=self.door.chance.nonce(),
            gates=tuple((name, limits.get(name, BOUNDLESS)) for name in self.gates),
            tokens=tokens,
            patience_s=PATIENCE_S,
            expires_s=EXPIRES_S,
        )
        began = self.door.clock.monotonic()
        (answer,) = await self.door.gates.admit([asked])
        if isinstance(answer, Wait):
            return answer
        self.id, self.turn_at = asked.id, began + answer.wait_s
        try:
            if answer.wait_s > 0:
                await self.door.clock.sleep(answer.wait_s)
        except BaseException:
            await self.abandoned()
            raise
        return None

    async def answered(self, tokens: int | None) -> None:
        """Tell that the provider answered, and how many tokens that took as far as it told."""
        if self.id:
            return await self._tell(dict.fromkeys(self.gates, Passage.OK), tokens=tokens)
        for name in self.gates if self.is_watched else ():
            self._count(name)
        return None

    async def failed(self, failure: Failure, *, is_unpaid: bool) -> None:
        """Tell that the request failed, as far as that says something of its gates."""
        whose = self.gates[0] if failure.code in OF_THE_PROVIDER else self.gates[-1]
        rest_s = None
        if failure.retry_at is not None:
            rest_s = max(0.0, failure.retry_at - self.door.clock.now())
        passages = {name: _passage(failure.code, is_its=name == whose) for name in self.gates}
        if not self.id:
            is_told = self.is_watched and (passages[whose] is Passage.FAILED or rest_s is not None)
            passages = {whose: passages[whose]} if is_told else {}
        await self._tell(passages, tokens=0 if is_unpaid else None, whose=whose, rest_s=rest_s)

    async def abandoned(self) -> None:
        """Give the pass back of a request of which nobody will tell."""
        if self.id:
            await self._tell(dict.fromkeys(self.gates, Passage.UNTOLD))
            self.id = ""

    async def _tell(
        self,
        passages: Mapping[str, Passage],
        *,
        tokens: int | None = None,
        whose: str = "",
        rest_s: float | None = None,
    ) -> None:
        if not passages:
            return
        reports = [
            GateReport(
                gate=name,
                passage=passage,
                id=self.id,
                tokens=tokens,
                rest_s=rest_s if name == whose else None,
                successes=self._uncounted(name) if passage is Passage.FAILED else 0,
            )
            for name, passage in passages.items()
        ]
        if whose:
            self.keeper.seen_at = None
        # What cannot be told now costs the gate a place until the pass runs out, and no answer.
        with suppress(SkepError):
            await self.door.gates.report(reports)

    def _count(self, name: str) -> None:
        now = self.door.clock.monotonic()
        known = self.keeper.successes.get(name)
        if known is None or now - known.since >= BREAKER.window_s:
            known = self.keeper.successes[name] = Successes(since=now)
        known.count += 1

    def _uncounted(self, name: str) -> int:
        known = self.keeper.successes.pop(name, None)
        is_late = known and self.door.clock.monotonic() - known.since < BREAKER.window_s
        return known.count if known and is_late else 0


def waits(wait: Wait, *, model: str) -> Failure:
    """The failure of a request that was not let through: its task sleeps, and nothing failed."""
    moment = datetime.fromtimestamp(wait.until, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
    said = f"The model {model} waits for {wait.gate} until {moment} UTC: {WHY[wait.reason]}."
    return Failure(error_class=ErrorClass.QUOTA, code=GATE_WAITS, message=said, retry_at=wait.until)


def _passage(code: str, *, is_its: bool) -> Passage:
    """What a failure says of a gate, its own one or the other."""
    if code in TRIPPING:
        return Passage.FAILED if is_its else Passage.UNTOLD
    if code in LIMITING:
        return Passage.LIMITED if is_its else Passage.OK
    return Passage.OK if code in set(Fault) else Passage.UNTOLD
