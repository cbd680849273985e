"""The coordinator: does the duties of the fleet while its process leads, each for itself.

A duty is small, and safe to do twice: the leader before may have done it a moment ago, and still be
at it. Whatever it writes as the leader it writes under the mandate that it is given, so that the
store refuses it once another term has begun. A duty that fails is done again later, and holds up no
other one; how each went last is kept in the store, where the next leader finds it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol, Self

from skep.hive.election import Elector
from skep.policy.election import first_due_s
from skep.ports.system import Clock
from skep.ports.terms import Terms
from skep.records.errors import InvalidInput, SkepError, StaleTerm
from skep.records.leadership import DutyRun, Mandate
from skep.records.limits import DUTIES_MAX, DUTY_RESULT_CHARS_MAX
from skep.records.values import storable

ONCE_A_TERM: Final = float("inf")
"""The pause of a duty that is done once, right after each election."""

AT_FIRST_S: Final = 60.0
"""When a duty is done at the latest that nobody has done yet."""

AGAIN_S: Final = 10.0
"""How soon a duty that failed is tried again, unless it is due sooner."""

DUTY_S_MAX: Final = 300.0
"""How long one run of a duty may take."""

LOOKS_PER_LEASE: Final = 10
LOOK_S_MAX: Final = 1.0


class Duty(Protocol):
    """What a leader does from time to time."""

    @property
    def name(self) -> str:
        """What it is called, once in a fleet."""
        ...

    @property
    def every_s(self) -> float:
        """How long after its last run it is due again; `ONCE_A_TERM` for once in each term."""
        ...

    async def perform(self, mandate: Mandate) -> int | str:
        """Do it, and say how much there was to do, or in a few words what came of it.

        At least once: another process may do the same at the same time.
        """
        ...


class SwarmCoordinator:
    """Does duties while its elector leads; a context manager that owns its loop and the elector's.

    Outside of the context it does what is due when it is told to tick.
    """

    def __init__(
        self, elector: Elector, terms: Terms, clock: Clock, *, duties: Sequence[Duty] = ()
    ) -> None:
        self.elector = elector
        self._terms = terms
        self._clock = clock
        self._duties: dict[str, Duty] = {}
        self._due: dict[str, float] = {}
        self._mandate: Mandate | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None
        for duty in duties:
            self.register(duty)

    @property
    def is_leader(self) -> bool:
        """Whether this process leads, as far as it can know."""
        return self.elector.is_leader

    @property
    def duties(self) -> Sequence[str]:
        """The names of its duties."""
        return sorted(self._duties)

    def register(self, duty: Duty) -> None:
        """Add a duty. Raises `InvalidInput` for a name that is taken, or one duty too many."""
        if duty.name in self._duties:
            raise InvalidInput(f"There is a duty called {duty.name!r} already.")
        if len(self._duties) >= DUTIES_MAX:
            raise InvalidInput(f"A coordinator has at most {DUTIES_MAX} duties.")
        self._duties[duty.name] = duty
        if self._mandate is not None:
            self._due[duty.name] = self._clock.monotonic()

    async def __aenter__(self) -> Self:
        await self.elector.__aenter__()
        self._loop = asyncio.create_task(self._run(), name="skep-coordinator")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._stop()
        await self.elector.__aexit__(*exc_info)

    async def tick(self) -> int:
        """Begin what is due while this process leads, stop it when not; returns how many began."""
        mandate = self.elector.mandate
        if mandate != self._mandate:
            await self._stop()
            self._mandate = None
            if mandate is not None:
                self._due = await self._schedule()
                self._mandate = mandate
        if mandate is None:
            return 0
        now = self._clock.monotonic()
        due = [name for name, at in self._due.items() if at <= now and name not in self._running]
        for name in due:
            run = asyncio.create_task(self._do(self._duties[name], mandate), name=f"duty-{name}")
            self._running[name] = run
        return len(due)

    async def idle(self) -> None:
        """Wait until no duty is under way."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def _schedule(self) -> dict[str, float]:
        """Say when each duty is due: where the leader before left it."""
        stands = self.elector.stands
        assert stands is not None, "who leads was told so"
        last = {run.duty: run for run in await self._terms.duties()}
        first = partial(first_due_s, stands=stands, at_first_s=AT_FIRST_S)
        now = self._clock.monotonic()
        return {
            name: now + first(last.get(name), every_s=duty.every_s)
            for name, duty in self._duties.items()
        }

    async def _do(self, duty: Duty, mandate: Mandate) -> None:
        try:
            run = await _performed(duty, mandate)
            pause_s = min(duty.every_s, AGAIN_S) if run.is_failure else duty.every_s
            self._due[duty.name] = self._clock.monotonic() + pause_s
            await self._terms.note(mandate, run)
        except StaleTerm:
            self.elector.depose(mandate)
        except SkepError:  # it was done, and nobody will read of it
            pass
        finally:
            self._running.pop(duty.name)

    async def _stop(self) -> None:
        running = list(self._running.values())
        for run in running:
            run.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = min(LOOK_S_MAX, self.elector.lease_s / LOOKS_PER_LEASE)
        while True:
            with suppress(SkepError):  # the next look begins what this one could not
                await self.tick()
            await self._clock.sleep(pause_s)


async def _performed(duty: Duty, mandate: Mandate) -> DutyRun:
    """Do a duty, and tell how it went; raises `StaleTerm` alone."""
    is_failure = False
    try:
        async with asyncio.timeout(DUTY_S_MAX):
            result = str(await duty.perform(mandate))
    except StaleTerm:
        raise
    except Exception as error:  # noqa: BLE001 - the edge of a duty: it fails alone
        result, is_failure = f"{type(error).__name__}: {error}", True
    return DutyRun(
        duty=duty.name,
        node=mandate.node,
        term=mandate.term,
        result=storable(result)[:DUTY_RESULT_CHARS_MAX],
        is_failure=is_failure,
    )
