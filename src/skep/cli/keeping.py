"""`skep store backup` and `skep store restore`: the whole store in one file, and back."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skep.cli.checks_sqlite import sized
from skep.cli.documents import write_json
from skep.cli.options import COMMON, Common
from skep.cli.screen import clean, counted, open_screen
from skep.cli.swarms import local_time
from skep.compose import keeper
from skep.settings import address_of, read_settings


async def backup(
    file: Annotated[str, Parameter(help="The file to write; an earlier backup is replaced.")],
    /,
    *,
    common: Common = COMMON,
) -> int:
    """Copy the whole store to a file, while everybody works on.

    The file holds prompts, answers and results: only you may read it. Folders that agents work
    in, and reports, are not in it.
    """
    settings = read_settings(store=common.store)
    made = await keeper(settings).back_up(Path(file))
    if common.json:
        write_json(
            {
                "file": _whole(file),
                "store": address_of(settings.store),
                "swarms": made.swarms,
                "contents": made.contents,
                "bytes": made.size_bytes,
                "incarnation": made.incarnation,
                "at": made.at,
            }
        )
        return 0
    open_screen().out.print(
        f"Backed up as of {local_time(made.at)} to {clean(file)}: {counted(made.swarms, 'swarm')},"
        f" {counted(made.contents, 'content')}, {sized(made.size_bytes)}.",
        soft_wrap=True,
    )
    return 0


async def restore(
    file: Annotated[str, Parameter(help="The backup to restore from.")],
    /,
    *,
    force: Annotated[bool, Parameter(help="Replace the store that is there.")] = False,
    common: Common = COMMON,
) -> int:
    """Make a store from a backup.

    What ran then is ready again; what happened after the backup is not known here, and may happen
    again. Every token and cursor of before is refused.
    """
    settings = read_settings(store=common.store)
    restored = await keeper(settings).restore(Path(file), force=force)
    if common.json:
        write_json(
            {
                "file": _whole(file),
                "store": address_of(settings.store),
                "swarms": restored.swarms,
                "handed_back": restored.handed_back,
                "incarnation": restored.incarnation,
                "backed_up_at": restored.backed_up_at,
                "replaced": restored.replaced,
                "aside": str(restored.aside) if restored.aside else None,
            }
        )
        return 0
    out, made = open_screen().out, restored.backed_up_at
    as_of = f" as of {local_time(made)}" if made is not None else ""
    store = clean(address_of(settings.store))
    out.print(f"Restored {counted(restored.swarms, 'swarm')}{as_of} to {store}.", soft_wrap=True)
    if restored.handed_back:
        out.print(f"Ready again, as they ran then: {counted(restored.handed_back, 'task')}.")
    if restored.aside:
        out.print(
            f"What stood there ({counted(restored.replaced, 'swarm')}) is kept in"
            f" {clean(str(restored.aside))}.",
            soft_wrap=True,
        )
    return 0


def _whole(file: str) -> str:
    return str(Path(file).absolute())
