"""One thing switched off, by a small change of a copy: the product itself has no switch."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.chaos.rig import REPO
from tests.chaos.weather import Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """What is switched off, by which change of which file, and how the rig is to find it out.

    `check` is the oracle's check that must fail, at the latest after `rage_s` and the time that the
    weather gives everything to end; `follows` are those that may fail with it,
    because what they say follows from it.
    """

    name: str
    file: str
    old: str
    new: str
    check: str
    weather: Weather
    rage_s: float = 40.0
    follows: frozenset[str] = frozenset()


DENSE: Final = Weather(
    kill_every_s=(0.7, 1.5),
    freeze_every_s=(90.0, 120.0),
    lease_s=2.0,
    slowest_s=0.3,
    wide_every=0,
)
"""Calls so long that most kills hit some; denser kills would leave no time to start in."""

FROZEN: Final = replace(
    DENSE,
    kill_every_s=(20.0, 30.0),
    freeze_every_s=(0.3, 0.8),
    freeze_leases=(1.2, 2.2),
    lease_s=1.5,
)
"""Hardly a kill, but always somebody frozen for longer than a lease, who then wakes up."""

SABOTAGES: Final = (
    Sabotage(
        name="fence",
        file="policy/fencing.py",
        old="""        token.nonce != ""
        and token.nonce == held.nonce
        and (token.run, token.attempt) == (held.run, held.attempt)
        and token.incarnation == held.incarnation
""",
        new="""        token.nonce != ""
""",
        check="replaced_holders",
        weather=FROZEN,
        follows=frozenset({"results", "outcomes_twice", "repeats", "asked_again"}),
    ),
    Sabotage(
        name="intent",
        file="agent/journal.py",
        old="""        found = await self._announce(intent)
        if found is not None:
            return await self._full(found)
        try:
            text = await call()
        except Exception:
            await self._lapse(key, fingerprint, bill)
            raise
""",
        new="""        text = await call()
        found = await self._announce(intent)
        if found is not None:
            return await self._full(found)
""",
        check="sent_twice",
        weather=replace(DENSE, kill_every_s=(1.0, 2.0), shapes=("letters",), slowest_s=2.0),
    ),
    Sabotage(
        name="read-back",
        file="agent/journal.py",
        old=""" and known.fingerprint == fingerprint:
            return await self._full(known.value)
        intent = self._intent(key, fingerprint, effect, bill=bill)
        if pace is Pace.LISTENING:
            intent = replace(intent, told=self.told)
        found = await self._announce(intent)
        if found is not None:
            return await self._full(found)
""",
        new=""" and not fingerprint:
            return await self._full(known.value)
        intent = self._intent(key, fingerprint, effect, bill=bill)
        await self._announce(intent)
""",
        check="asked_again",
        weather=DENSE,
        follows=frozenset({"repeats", "sent_twice"}),
    ),
    Sabotage(
        name="drain",
        file="drivers/sqlite/leases.py",
        old="drained=_drain(changes, limit)",
        new="drained=0",
        check="terminal",
        rage_s=20.0,
        weather=replace(
            DENSE, shapes=("wide",), slowest_s=0.05, live_swarms=1, settled_within_s=15.0
        ),
        follows=frozenset({"tasks_lost"}),
    ),
)


def sabotaged(sabotage: Sabotage, folder: Path) -> Path:
    """Copy the package and switch one thing off in it; gives the folder to import it from."""
    source = folder / "src"
    shutil.copytree(REPO / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "skep" / sabotage.file).write_text(applied(sabotage))
    return source


def applied(sabotage: Sabotage) -> str:
    """Give the text of the file with the thing switched off in it."""
    text = (REPO / "src" / "skep" / sabotage.file).read_text()
    assert text.count(sabotage.old) == 1, f"{sabotage.file} has changed; mend the sabotage"
    return text.replace(sabotage.old, sabotage.new)
