"""The journal of one attempt: a call that was made and recorded is never made again.

Before a call its intent is stored, after it its result, and only what the store gives back is
used. The steps of the run are read once at the start, so a takeover replays them from memory.
What nobody can see before the next write may be carried along with it: see `Pace`.
The theory, with what each failure does, is in docs/journal.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeAlias

from skep.agent.offering import offered
from skep.ports.store import Blobs, Journal
from skep.ports.system import Chance, Clock
from skep.records.errors import Diverged, Fenced, LimitExceeded, SkepError, StoreUnavailable
from skep.records.lease import Token
from skep.records.limits import RUN_STEPS_MAX, VALUE_BYTES_MAX
from skep.records.purse import NOTHING, Amount, total
from skep.records.step import (
    Effect,
    Entry,
    Intent,
    Lapse,
    Record,
    Step,
    StepAnswer,
    StepState,
    StepVerdict,
)
from skep.records.values import BlobRef, Digest, Json, canonical, digest_of, parsed, referred

Call: TypeAlias = Callable[[], Awaitable[Json]]
TextCall: TypeAlias = Callable[[], Awaitable[str]]
"""Gives its value as JSON text, written as it is to be stored."""


class UnknownEffect(SkepError):
    """A call that must be made only once may have been made; a person has to look."""

    code = "unknown_effect"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"Step {key!r} began and its end was not recorded; it may have been carried out.",
            hint="Find out whether it was, then retry the task: its next run begins anew.",
        )
        self.key = key


class PurseWaits(SkepError):
    """The call does not fit into the swarm's purse while others are under way."""

    code = "purse_waits"


class PurseEmpty(SkepError):
    """The call does not fit into the swarm's purse; the swarm is paused until a person decides."""

    code = "purse_empty"


class Unheard(Exception):
    """People told the swarm something that is to be heard before the call; nothing was stored."""


class Pace(Enum):
    """When the entries of a step are stored; one operation may hold those of several steps.

    SYNCED: the intent before the call, the result after it. RIDING: the result goes along with the
    next entry of this journal, which must come before anything that waits or leaves a trace, or
    with `flush`; but for a call that an earlier attempt began, and may still record. LISTENING: so
    too, and the call is not begun over the head of what people told.
    The decision, with what a crash does, is in docs/adr/0035.
    """

    SYNCED = auto()
    RIDING = auto()
    LISTENING = auto()


@dataclass(slots=True, kw_only=True)
class Bill:
    """What a call may take of the swarm's purse at most, and what it took: its call fills that in.

    `taken` stays None where nobody was paid; `payee` is the model that answered.
    """

    reserve: Amount
    taken: Amount | None = None
    payee: str = ""

    def take(self, amount: Amount, payee: str) -> None:
        """Add what was paid, or may have been."""
        self.taken = amount if self.taken is None else total([self.taken, amount])
        self.payee = payee


class RunJournal:
    """The steps of one run, as the attempt under `token` reads and writes them.

    `told` counts the messages of people that the swarm is known to hold.
    """

    def __init__(
        self,
        journal: Journal,
        blobs: Blobs,
        *,
        token: Token,
        clock: Clock,
        chance: Chance,
        told: int = 0,
    ) -> None:
        self._journal = journal
        self._blobs = blobs
        self._token = token
        self._clock = clock
        self.told = told
        self._steps: Mapping[str, Step] = {}
        self._used: set[str] = set()
        self._carried: list[Entry] = []
        self._announcer = chance.nonce()

    async def replay(self) -> int:
        """Read what earlier attempts of this run recorded; returns how many steps there are."""
        steps = await self._journal.read(self._token.ref, run=self._token.run)
        self._steps = {step.key: step for step in steps}
        return len(steps)

    async def step(
        self, key: str, request: Json, call: Call, *, effect: Effect, bill: Bill | None = None
    ) -> Json:
        """Give the recorded value of a step, or make its call and record it.

        `key` is the step's logical path in the run and may be used once per attempt; `request`
        is what the call asks for, and tells it from another one under the same key. A call that
        is paid for has a `bill`: what it may take is reserved with the intent, what it took is
        settled with the record, or when it raises.

        Raises `PurseWaits` or `PurseEmpty` for a bill that does not fit, and then made no call.
        Raises `Diverged` when the journal holds another request under this key, `UnknownEffect`
        when the call may have been made and must not be repeated, `Fenced` when the lease was
        lost, and whatever the call raises.
        """

        async def written() -> str:
            return canonical(await call())

        return parsed(await self.text_step(key, request, written, effect=effect, bill=bill))

    async def text_step(
        self,
        key: str,
        request: Json,
        call: TextCall,
        *,
        effect: Effect,
        bill: Bill | None = None,
        pace: Pace = Pace.SYNCED,
    ) -> str:
        """As `step`, for a call that gives JSON text; gives the text that is or will be stored.

        Whoever gets back the very text that was handed in may go on with what it was written from.
        Raises `Unheard` for a call that listens when the swarm holds more messages of people than
        this journal knows of; then the key is free again.
        """
        self.use(key)
        fingerprint = digest_of(canonical(request))
        known = self._steps.get(key)
        if known and known.state is StepState.RECORDED and known.fingerprint == fingerprint:
            return await self._full(known.value)
        intent = self._intent(key, fingerprint, effect, bill=bill)
        if pace is Pace.LISTENING:
            intent = replace(intent, told=self.told)
        found = await self._announce(intent)
        if found is not None:
            return await self._full(found)
        try:
            text = await call()
        except Exception:
            await self._lapse(key, fingerprint, bill)
            raise
        if pace is not Pace.SYNCED and known is None and len(text) <= CARRIED_CHARS_MAX:
            self._carried.append(self._result(key, fingerprint, text, bill=bill))
            return text
        return await self._record(key, fingerprint, text, bill=bill)

    async def step_at_once(self, key: str, request: Json, value: Json, *, effect: Effect) -> Json:
        """Give the value of a pure call that was made already and took no time.

        Its intent and its result go along with the next entry of this journal, which must come
        before anything that waits or leaves a trace, or with `flush`; a large one is stored now.
        For a step that no earlier attempt began. Raises as `step`.
        """
        self.use(key)
        fingerprint, text = digest_of(canonical(request)), canonical(value)
        intent = self._intent(key, fingerprint, effect, bill=None)
        if len(text) > CARRIED_CHARS_MAX:
            await self._announce(intent)
            return parsed(await self._record(key, fingerprint, text, bill=None))
        self._carried += [intent, self._result(key, fingerprint, text, bill=None)]
        return parsed(text)

    async def flush(self) -> None:
        """Store what is carried: before anything is done that leaves a trace, or waits."""
        if self._carried:
            await offered(self._write, self._clock)

    def is_recorded(self, key: str) -> bool:
        """Say whether an earlier attempt of this run recorded a step."""
        known = self._steps.get(key)
        return known is not None and known.state is StepState.RECORDED

    def is_begun(self, key: str) -> bool:
        """Say whether an earlier attempt of this run announced a step."""
        return key in self._steps

    def idempotency_key(self, key: str) -> str:
        """The key under which an outside service may recognise a repeated call of this step."""
        return f"{self._token.ref}/{self._token.run}/{key}"

    def use(self, key: str) -> None:
        """Take a key, which nobody else may use in this attempt. Raises `Diverged`."""
        if key in self._used:
            raise Diverged(
                f"The step {key!r} is used twice in one run.",
                hint="Give the second one a name of its own with key=.",
            )
        self._used.add(key)

    async def _lapse(self, key: str, fingerprint: Digest, bill: Bill | None) -> None:
        """Settle a call without an answer; what cannot be settled now is lost with the attempt."""
        if bill is None:
            return
        ended = Lapse(
            token=self._token,
            key=key,
            fingerprint=fingerprint,
            charge=bill.taken,
            payee=bill.payee,
        )
        with suppress(SkepError):
            await self._write(ended)

    def _intent(
        self, key: str, fingerprint: Digest, effect: Effect, *, bill: Bill | None
    ) -> Intent:
        return Intent(
            token=self._token,
            key=key,
            fingerprint=fingerprint,
            effect=effect,
            intent=f"{self._announcer}.{len(self._used)}",
            reserve=bill.reserve if bill else None,
        )

    async def _announce(self, intent: Intent) -> str | None:
        """Store the intent; returns the recorded value when there is one already."""
        if self._carried:
            answer = await offered(lambda: self._write(intent), self._clock)
        else:
            answer = await self._write(intent)
        if answer.verdict is StepVerdict.FOUND:
            return answer.value
        if answer.verdict is StepVerdict.UNHEARD:
            self._used.discard(intent.key)
            raise Unheard
        if answer.verdict is not StepVerdict.OPENED:
            raise refusal_of(answer.verdict, intent.key)
        return None

    async def _record(self, key: str, fingerprint: Digest, text: str, *, bill: Bill | None) -> str:
        """Store what a call gave; it may have been paid for, so a failed try is repeated."""
        return await offered(lambda: self._put(key, fingerprint, text, bill=bill), self._clock)

    async def _put(self, key: str, fingerprint: Digest, text: str, *, bill: Bill | None) -> str:
        record = self._result(key, fingerprint, await self._stored(text), bill=bill)
        answer = await self._write(record)
        if answer.verdict is not StepVerdict.RECORDED:
            raise refusal_of(answer.verdict, key)
        return text if answer.value == text else await self._full(answer.value)

    def _result(self, key: str, fingerprint: Digest, value: str, *, bill: Bill | None) -> Record:
        return Record(
            token=self._token,
            key=key,
            fingerprint=fingerprint,
            value=value,
            usage=(bill.taken or NOTHING) if bill else None,
            payee=bill.payee if bill else "",
        )

    async def _write(self, *own: Entry) -> StepAnswer:
        """Store entries after those that are carried; gives the answer to the last one."""
        carried, self._carried = self._carried, []
        try:
            answers = await self._journal.write([*carried, *own])
        except StoreUnavailable:
            self._carried = carried
            raise
        last = answers[-1]
        self.told = max(self.told, last.told)
        for entry, answer in zip(carried, answers, strict=False):
            _see_stored(entry, answer)
        return last

    async def _stored(self, text: str) -> str:
        """Give what the record of a text holds: itself, or a reference when it is too large."""
        if len(text) <= VALUE_BYTES_MAX and text.isascii():
            return text
        content = text.encode()
        if len(content) <= VALUE_BYTES_MAX:
            return text
        (digest,) = await self._blobs.put([content])
        return canonical(BlobRef(digest=digest, size_bytes=len(content)).as_json())

    async def _full(self, text: str | None) -> str:
        digest = referred(text or _NULL)
        return (await self._blobs.get(digest)).decode() if digest else (text or _NULL)


_NULL: Final = "null"
CARRIED_CHARS_MAX: Final = VALUE_BYTES_MAX // 4
"""The longest result that waits for the next entry: whatever its characters, it is no blob."""


def _see_stored(entry: Entry, answer: StepAnswer) -> None:
    """See that a carried entry stands as it was carried, for the attempt went by it."""
    if isinstance(entry, Intent):
        if answer.verdict is not StepVerdict.OPENED:
            raise refusal_of(answer.verdict, entry.key)
    elif isinstance(entry, Record) and answer.verdict is not StepVerdict.RECORDED:
        raise refusal_of(answer.verdict, entry.key)
    elif isinstance(entry, Record) and answer.value != entry.value:
        raise refusal_of(StepVerdict.DIVERGED, entry.key)


def refusal_of(verdict: StepVerdict, key: str) -> SkepError:
    """Say as an error why a step cannot be taken."""
    match verdict:
        case StepVerdict.DIVERGED:
            return Diverged(
                f"Step {key!r} asks for something else than the journal of this run recorded.",
                hint="The code or its input changed under a live swarm; retry the task anew.",
            )
        case StepVerdict.UNKNOWN:
            return UnknownEffect(key=key)
        case StepVerdict.WAITS:
            return PurseWaits()
        case StepVerdict.EMPTY:
            return PurseEmpty()
        case StepVerdict.FULL:
            return LimitExceeded(
                limit="RUN_STEPS_MAX", allowed=RUN_STEPS_MAX, actual=RUN_STEPS_MAX + 1
            )
        case _:
            return Fenced()
