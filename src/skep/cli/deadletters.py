"""`skep deadletters list`, `replay`: the tasks that failed for good, and doing them again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from skep.cli.documents import letter_json, write_json
from skep.cli.failures import FAILED
from skep.cli.foreground import is_own
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.hive.handle import SwarmHandle
from skep.records.errors import InvalidInput, SkepError, StoreUnavailable
from skep.records.ids import SwarmId, TaskKey, TaskRef
from skep.records.letter import DeadLetter
from skep.records.swarm import SwarmStatus
from skep.records.values import Json
from skep.settings import read_settings

PAGE: Final = 200
REASON: Final = "replayed by the user"

OfSwarm = Annotated[
    str | None, Parameter(help="Only of this swarm: an id, a part of it, or `last`.")
]
Answers = Mapping[SwarmId, SwarmStatus | SkepError]


async def list_letters(
    *,
    swarm: OfSwarm = None,
    limit: Annotated[int, Parameter(help="How many to list.")] = 20,
    before: Annotated[
        str | None, Parameter(help="Go on behind the letter with this cursor (see --json).")
    ] = None,
    common: Common = COMMON,
) -> int:
    """List the tasks that failed for good, the newest first."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        whose = (await find_swarm(fleet, swarm)).id if swarm else None
        letters = await fleet.dead_letters(swarm=whose, before=before, limit=limit)
    if common.json:
        write_json({"dead_letters": [letter_json(letter) for letter in letters]})
    elif letters:
        show(open_screen().out, _table(letters))
    else:
        open_screen().out.print("No dead letters.")
    return 0


async def replay(
    *letters: Annotated[str, Parameter(help="A task that failed, as SWARM/TASK.")],
    swarm: OfSwarm = None,
    every: Annotated[
        bool, Parameter(name="--all", help="All dead letters, of the swarm or of all swarms.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Do tasks that failed again, with all that follows them."""
    if bool(letters) is bool(swarm or every):
        raise InvalidInput(
            "Say which dead letters to replay: some by their names, or all.",
            hint="Say SWARM/TASK, or --swarm SWARM, or --all.",
        )
    async with open_fleet(read_settings(store=common.store)) as fleet:
        if letters:
            answers = await fleet.replay([await _named(fleet, name) for name in letters], REASON)
        elif swarm:
            answers = await _replayed([await find_swarm(fleet, swarm)])
        else:
            answers = await _replayed(await _with_letters(fleet))
        own = [each for each in answers if is_own(each, await fleet.swarm(each).tasks())]
    refusals = [answer for answer in answers.values() if isinstance(answer, SkepError)]
    if len(answers) == 1 and refusals:
        raise refusals[0]
    _tell(answers, own=own, as_json=common.json)
    return FAILED if refusals else 0


async def _named(fleet: Fleet, name: str) -> TaskRef:
    swarm, slash, key = name.rpartition("/")
    if not slash:
        raise InvalidInput(f"{name!r} names no task of a swarm.", hint="Say SWARM/TASK.")
    return TaskRef(swarm=(await find_swarm(fleet, swarm)).id, key=TaskKey(key))


async def _replayed(handles: Sequence[SwarmHandle]) -> Answers:
    """Replay all dead letters of each swarm."""
    answers: dict[SwarmId, SwarmStatus | SkepError] = {}
    for handle in handles:
        try:
            answers[handle.id] = await handle.replay(reason=REASON)
        except StoreUnavailable:
            raise
        except SkepError as refusal:
            answers[handle.id] = refusal
    return answers


async def _with_letters(fleet: Fleet) -> list[SwarmHandle]:
    """Find the swarms that have dead letters; what was cancelled is left as it is."""
    found: set[SwarmId] = set()
    cursor: str | None = None
    while page := await fleet.dead_letters(before=cursor, limit=PAGE):
        found.update(letter.ref.swarm for letter in page)
        cursor = page[-1].cursor
    states = [await fleet.swarm(swarm).state() for swarm in sorted(found)]
    return [fleet.swarm(state.id) for state in states if state.status is not SwarmStatus.CANCELLED]


def _table(letters: Sequence[DeadLetter]) -> Table:
    table = plain_table("failed", "task", "agent", ">tries")
    table.add_column("why", overflow="fold")
    for letter in letters:
        table.add_row(
            Text(local_time(letter.failed_at), "dim"),
            clean(f"{short(letter.ref.swarm)}/{letter.ref.key}"),
            Text(clean(letter.agent), "dim"),
            str(letter.attempts),
            clean(letter.reason),
        )
    return table


def _tell(answers: Answers, *, own: Sequence[SwarmId], as_json: bool) -> None:
    if as_json:
        rows: list[Json] = [_row(swarm, answer) for swarm, answer in answers.items()]
        write_json({"replayed": rows})
        return
    out = open_screen().out
    for swarm, answer in answers.items():
        if isinstance(answer, SkepError):
            out.print(f"{short(swarm)} was left as it is: {clean(answer.message)}", soft_wrap=True)
            continue
        goes_on = f"Go on with: skep resume {short(swarm)}" if swarm in own else "Workers go on."
        out.print(f"Replayed: {short(swarm)} is {answer}. {goes_on}", soft_wrap=True)
    if not answers:
        out.print("There is nothing to replay.")


def _row(swarm: SwarmId, answer: SwarmStatus | SkepError) -> Json:
    if isinstance(answer, SkepError):
        return {"swarm": swarm, "error": {"code": answer.code, "message": answer.message}}
    return {"swarm": swarm, "status": answer}
