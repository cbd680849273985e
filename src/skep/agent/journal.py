"""The journal of one attempt: a call that was made and recorded is never made again.

Before a call its intent is stored, after it its result, and only what the store gives back is
used. The steps of the run are read once at the start, so a takeover replays them from memory.
The theory, with what each failure does, is in docs/journal.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from skep.agent.offering import offered
from skep.ports.store import Blobs, Journal
from skep.ports.system import Chance, Clock
from skep.records.errors import Diverged, Fenced, LimitExceeded, SkepError
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
        self, key: str, request: Json, call: TextCall, *, effect: Effect, bill: Bill | None = None
    ) -> str:
        """As `step`, for a call that gives JSON text; gives the text that is stored.

        Whoever gets back the very text that was handed in may go on with what it was written from.
        """
        self.use(key)
        fingerprint = digest_of(canonical(request))
        known = self._steps.get(key)
        if known and known.state is StepState.RECORDED and known.fingerprint == fingerprint:
            return await self._full(known.value)
        found = await self._announce(key, fingerprint, effect, bill=bill)
        if found is not None:
            return await self._full(found)
        try:
            text = await call()
        except Exception:
            await self._lapse(key, fingerprint, bill)
            raise
        return await self._record(key, fingerprint, text, bill=bill)

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

    async def _announce(
        self, key: str, fingerprint: Digest, effect: Effect, *, bill: Bill | None
    ) -> str | None:
        """Store the intent; returns the recorded value when there is one already."""
        intent = Intent(
            token=self._token,
            key=key,
            fingerprint=fingerprint,
            effect=effect,
            intent=f"{self._announcer}.{len(self._used)}",
            reserve=bill.reserve if bill else None,
        )
        answer = await self._write(intent)
        if answer.verdict is StepVerdict.FOUND:
            return answer.value
        if answer.verdict is not StepVerdict.OPENED:
            raise refusal_of(answer.verdict, key)
        return None

    async def _record(self, key: str, fingerprint: Digest, text: str, *, bill: Bill | None) -> str:
        """Store what a call gave; it may have been paid for, so a failed try is repeated."""
        return await offered(lambda: self._put(key, fingerprint, text, bill=bill), self._clock)

    async def _put(self, key: str, fingerprint: Digest, text: str, *, bill: Bill | None) -> str:
        record = Record(
            token=self._token,
            key=key,
            fingerprint=fingerprint,
            value=await self._stored(text),
            usage=(bill.taken or NOTHING) if bill else None,
            payee=bill.payee if bill else "",
        )
        answer = await self._write(record)
        if answer.verdict is not StepVerdict.RECORDED:
            raise refusal_of(answer.verdict, key)
        return text if answer.value == text else await self._full(answer.value)

    async def _write(self, entry: Entry) -> StepAnswer:
        (answer,) = await self._journal.write([entry])
        self.told = max(self.told, answer.told)
        return answer

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
