"""`skep message`: messages between swarms, sent and seen from a terminal."""

import json as json_module
from collections.abc import Sequence
from typing import Annotated, Final, cast

from cyclopts import Parameter
from pydantic import TypeAdapter
from rich.table import Table
from rich.text import Text

from skep.cli.documents import write_json
from skep.cli.ids import find_swarm, short
from skep.cli.options import COMMON, Common, SwarmName
from skep.cli.screen import Screen, clean, open_screen, plain_table, show
from skep.cli.swarms import local_time
from skep.compose import open_fleet
from skep.hive.fleet import Fleet
from skep.records.ids import SwarmId
from skep.records.message import (
    UNDELIVERED,
    Address,
    MessageRef,
    MessageState,
    MessageType,
    Posted,
    address_of,
)
from skep.records.values import Json
from skep.settings import read_settings

PAGE: Final = 200
FOLLOW_S: Final = 30.0
PAYLOAD_CHARS: Final = 60
STYLES: Final = {
    MessageState.WAITING: "yellow",
    MessageState.TAKEN: "cyan",
    MessageState.ACKNOWLEDGED: "green",
    MessageState.DEAD: "red",
}

_POSTED: Final = TypeAdapter(Posted)

Receiver = Annotated[
    str, Parameter(help="A swarm, or an agent of it as SWARM/AGENT; a swarm may be `last`.")
]


async def send(
    to: Receiver,
    text: Annotated[str, Parameter(help="The payload: JSON, or else a text as it stands.")] = "",
    /,
    *,
    type: Annotated[  # noqa: A002 - the option's name
        str, Parameter(metavar="TYPE", help="What it is about, which chooses its handler.")
    ] = MessageType.ANNOUNCEMENT,
    by: Annotated[str, Parameter(metavar="NAME", help="Who sends it.")] = "operator",
    id: Annotated[  # noqa: A002 - the option's name
        str, Parameter(metavar="ID", help="Makes the command safe to repeat.")
    ] = "",
    common: Common = COMMON,
) -> int:
    """Send a message, which waits in its inbox until somebody has handled it."""
    async with open_fleet(read_settings(store=common.store)) as fleet:
        named = address_of(to)
        swarm = (await find_swarm(fleet, named.swarm)).id
        sender = fleet.messenger("", agent=by)
        receiver = Address(swarm=swarm, agent=named.agent)
        sent = await sender.send(receiver, type, _payload(text), id=id)
    if common.json:
        write_json({"id": sent, "to": str(receiver)})
    else:
        open_screen().out.print(
            f"Sent. See what becomes of it: skep message inbox {short(swarm)}", soft_wrap=True
        )
    return 0


async def tail(
    swarm: SwarmName,
    /,
    *,
    follow: Annotated[bool, Parameter(help="Go on until you press Ctrl-C.")] = False,
    limit: Annotated[int, Parameter(help="How many of the last ones to show.")] = 20,
    common: Common = COMMON,
) -> int:
    """Show the last messages to a swarm and its agents, and perhaps those that come."""
    screen = open_screen()
    async with open_fleet(read_settings(store=common.store)) as fleet:
        found = (await find_swarm(fleet, swarm)).id
        shown = (await _all(fleet, found))[-limit:]
        _tell(shown, screen, common=common, is_list=not follow)
        while follow:
            after = shown[-1].number if shown else 0
            come = await fleet.store.mailbox.read(found, after=after, patience_s=FOLLOW_S)
            _tell(come, screen, common=common)
            shown = come or shown
    return 0


async def inbox(
    swarm: SwarmName,
    /,
    *,
    replay: Annotated[
        bool, Parameter(help="Have the dead ones delivered again, with all their tries.")
    ] = False,
    common: Common = COMMON,
) -> int:
    """Show what nobody has acknowledged: what waits, what somebody has, and what is dead."""
    screen = open_screen()
    async with open_fleet(read_settings(store=common.store)) as fleet:
        found = (await find_swarm(fleet, swarm)).id
        dead = await _dead(fleet, found)
        replayed = await _replay(fleet, [each.ref for each in dead]) if replay else 0
        held = [each for each in await _all(fleet, found) if each.state in UNDELIVERED]
        held += [] if replay else dead
    if common.json:
        write_json({"messages": [posted_json(each) for each in held], "replayed": replayed})
        return 0
    if replay:
        screen.out.print(f"Replayed: {replayed}")
    if held:
        show(screen.out, _table(held))
    elif not replay:
        screen.out.print("Nothing waits in its inboxes.")
    if not replay and any(each.state is MessageState.DEAD for each in held):
        screen.out.print(f"\nDeliver the dead again: skep message inbox {short(found)} --replay")
    return 0


def posted_json(posted: Posted) -> Json:
    """Write a message as a document."""
    fields = cast("dict[str, Json]", _POSTED.dump_python(posted, mode="json"))
    message = cast("dict[str, Json]", fields.pop("message"))
    sender, to = str(posted.message.sender), str(posted.message.to)
    return {**fields, **message, "sender": sender, "to": to}


async def _all(fleet: Fleet, swarm: SwarmId) -> list[Posted]:
    found: list[Posted] = []
    while page := await fleet.store.mailbox.read(
        swarm, after=found[-1].number if found else 0, limit=PAGE
    ):
        found.extend(page)
    return found


async def _dead(fleet: Fleet, swarm: SwarmId) -> list[Posted]:
    found: list[Posted] = []
    while page := await fleet.store.mailbox.dead(
        swarm=swarm, before=found[-1].number if found else None, limit=PAGE
    ):
        found.extend(page)
    return found[::-1]


async def _replay(fleet: Fleet, refs: Sequence[MessageRef]) -> int:
    answers = await fleet.store.mailbox.replay(refs)
    return sum(answer is True for answer in answers)


def _payload(text: str) -> Json:
    try:
        value: Json = json_module.loads(text)
    except ValueError:
        return text
    return value


def _tell(
    shown: Sequence[Posted], screen: Screen, *, common: Common, is_list: bool = False
) -> None:
    if common.json and is_list:
        write_json({"messages": [posted_json(each) for each in shown]})
    elif common.json:
        for each in shown:
            screen.out.print(json_module.dumps(posted_json(each)), soft_wrap=True)
    elif shown:
        show(screen.out, _table(shown))
    elif is_list:
        screen.out.print("No messages.")


def _table(shown: Sequence[Posted]) -> Table:
    table = plain_table("message", "sent", "from", "to", "type", "state", "tries")
    table.add_column("payload", overflow="fold")
    for each in shown:
        message = each.message
        why = f" ({clean(each.reason)})" if each.reason else ""
        table.add_row(
            clean(message.id[-8:]),
            Text(local_time(message.sent_at), "dim"),
            clean(_brief(message.sender)),
            clean(_brief(message.to)),
            clean(message.type),
            Text(f"{each.state}{why}", STYLES[each.state]),
            str(each.tries),
            clean(json_module.dumps(message.payload, ensure_ascii=False)[:PAYLOAD_CHARS]),
        )
    return table


def _brief(address: Address) -> str:
    return "/".join(filter(None, (short(address.swarm) if address.swarm else "", address.agent)))
