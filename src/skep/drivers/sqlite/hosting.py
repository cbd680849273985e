"""Nodes and hosts in rows, as `drivers/sqlite/census.py` calls for them."""

from typing import Final, cast

from skep.drivers.sqlite.changes import Changes
from skep.drivers.sqlite.db import Db, Row
from skep.policy.hosting import BACK, LOST, Fate, fate_of, is_absent, loss_of, until_of
from skep.records.errors import SkepError, SwarmNotFound
from skep.records.fleet_errors import NodeAbsent
from skep.records.ids import SwarmId
from skep.records.node import Hosting, HostState, Missed, Node, NodeId
from skep.records.swarm import ENDED, SwarmMove, SwarmStatus
from skep.records.values import canonical, parsed

NODE: Final = (
    "id, host, pid, boot, queues, capabilities, slots, heartbeat_s, started_at, beat_at, until"
)
NODES: Final = (
    f"SELECT {NODE}, (SELECT count(*) FROM hosting WHERE hosting.node = node.id"
    " AND state <> 'orphaned') FROM node"
)
HOSTINGS: Final = (
    "SELECT s.id, h.node, h.is_adoptable, h.state, h.seq FROM hosting h"
    " JOIN swarm s ON s.n = h.swarm"
)
KEEP: Final = "INSERT OR REPLACE INTO hosting VALUES (?, ?, ?, ?, ?)"
MOVED: Final = (
    "SELECT 1 FROM event WHERE swarm = ? AND seq > ?"
    f" AND kind IN ({', '.join(repr(str(kind)) for kind in sorted(BACK))}) LIMIT 1"
)


def every_node(db: Db) -> list[Node]:
    """Read every node, by its id."""
    return [_node(row) for row in db.rows(f"{NODES} ORDER BY id")]


def every_hosting(db: Db, node: NodeId | None = None) -> list[Hosting]:
    """Read which swarms have a host, by the ids of the swarms."""
    sql = f"{HOSTINGS} WHERE ?1 IS NULL OR h.node = ?1 ORDER BY s.id"
    return [_hosting(row) for row in db.rows(sql, (node,))]


def enrol(changes: Changes, node: Node) -> Node:
    """Write a node down as present."""
    until = until_of(node.heartbeat_s, now=changes.at)
    changes.db.run(
        f"INSERT OR REPLACE INTO node ({NODE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            node.id,
            node.host,
            node.pid,
            node.boot,
            canonical([*node.queues]),
            canonical([*node.capabilities]),
            node.slots,
            node.heartbeat_s,
            changes.at,
            changes.at,
            until,
        ),
    )
    (row,) = changes.db.rows(f"{NODES} WHERE id = ?", (node.id,))
    return _node(row)


def beat(changes: Changes, node: NodeId) -> bool:
    """Hear of a node; False when it is not enrolled, or not any more."""
    beats = "SELECT heartbeat_s FROM node WHERE id = ? AND until <> 0"
    heartbeat_s = changes.db.value(beats, (node,))
    if heartbeat_s is None:
        return False
    until = until_of(heartbeat_s, now=changes.at)
    changes.db.run("UPDATE node SET beat_at = ?, until = ? WHERE id = ?", (changes.at, until, node))
    return True


def leave(changes: Changes, node: NodeId) -> bool:
    """Count a node as absent from now on."""
    changes.db.run("UPDATE node SET until = 0 WHERE id = ?", (node,))
    return bool(changes.db.value("SELECT changes()"))


def check_present(changes: Changes, node: NodeId) -> None:
    """Refuse a node that is absent. Raises `NodeAbsent`."""
    until = changes.db.value("SELECT until FROM node WHERE id = ?", (node,))
    if until is None or is_absent(until, now=changes.at):
        raise NodeAbsent(node=node)


def host(changes: Changes, swarm: SwarmId, node: NodeId, *, is_adoptable: bool) -> bool | SkepError:
    """Make a node the host of a swarm."""
    row = changes.db.row("SELECT n, status FROM swarm WHERE id = ?", (swarm,))
    if row is None:
        return SwarmNotFound(swarm=swarm)
    n, status = row
    if SwarmStatus(status) in ENDED:
        return False
    changes.db.run(KEEP, (n, node, is_adoptable, HostState.HOSTED, 0))
    return True


def sweep(changes: Changes, limit: int) -> Missed:
    """Orphan swarms of absent nodes, and forget the nodes that have none left."""
    gone, interrupted = list[NodeId](), list[SwarmId]()
    for node in _absent(changes):
        sql = f"{HOSTINGS} WHERE h.node = ? AND h.state <> 'orphaned' ORDER BY s.id LIMIT ?"
        swarms = [_hosting(row) for row in changes.db.rows(sql, (node, limit + 1))]
        for each in swarms[:limit]:
            if _orphan(changes, each):
                interrupted.append(each.swarm)
        limit -= len(swarms)
        if limit < 0:
            break
        changes.db.run("DELETE FROM node WHERE id = ?", (node,))
        gone.append(node)
    return Missed(nodes=tuple(gone), swarms=tuple(interrupted))


def adopt(changes: Changes, node: NodeId, limit: int) -> list[SwarmId]:
    """Adopt orphans; gives the swarms that are recovering under the node."""
    check_present(changes, node)
    sql = f"{HOSTINGS} WHERE h.state = ? ORDER BY s.id LIMIT ?"
    adopting = changes.db.rows(sql, (HostState.ADOPTING, -1))
    orphans = changes.db.rows(sql, (HostState.ORPHANED, limit))
    asked = map(_hosting, [*adopting, *orphans])
    return [each.swarm for each in asked if _adopt(changes, each, node)]


def _absent(changes: Changes) -> list[NodeId]:
    rows = changes.db.rows("SELECT id, until FROM node ORDER BY until, id")
    return [NodeId(id_) for id_, until in rows if is_absent(until, now=changes.at)]


def _orphan(changes: Changes, hosting: Hosting) -> bool:
    """Take a swarm's host away; says whether that interrupted it."""
    sheet = changes.find_sheet(hosting.swarm)
    move = loss_of(sheet.status)
    if move is not None:
        changes.move_swarm(sheet, move, told={"reason": LOST})
    if sheet.status in ENDED or not hosting.is_adoptable:
        _drop(changes, sheet.n)
    else:
        seq = sheet.seq if move is not None else 0
        changes.db.run(KEEP, (sheet.n, hosting.node, True, HostState.ORPHANED, seq))
    return move is not None


def _adopt(changes: Changes, hosting: Hosting, node: NodeId) -> bool:
    """Adopt a swarm if it may be; says whether it is recovering under the node."""
    sheet = changes.find_sheet(hosting.swarm)
    has_moved = changes.db.value(MOVED, (sheet.n, hosting.seq)) is not None
    does = fate_of(hosting, sheet.status, node=node, has_moved=has_moved)
    if does is Fate.DROP:
        _drop(changes, sheet.n)
    elif does is Fate.RECOVER:
        told = {"reason": f"adopted by {node}"}
        changes.move_swarm(sheet, SwarmMove.RECOVER, told=told)
        changes.db.run(KEEP, (sheet.n, node, True, HostState.ADOPTING, hosting.seq))
    elif does in (Fate.TAKE, Fate.DONE):
        changes.db.run(KEEP, (sheet.n, node, True, HostState.HOSTED, 0))
    return does in (Fate.RECOVER, Fate.AGAIN)


def _drop(changes: Changes, n: int) -> None:
    changes.db.run("DELETE FROM hosting WHERE swarm = ?", (n,))


def _node(row: Row) -> Node:
    id_, host, pid, boot, queues, capabilities, *numbers = row
    slots, heartbeat_s, started_at, beat_at, until, swarms = numbers
    return Node(
        id=NodeId(id_),
        host=host,
        pid=pid,
        boot=boot,
        queues=_words(queues),
        capabilities=_words(capabilities),
        slots=slots,
        heartbeat_s=heartbeat_s,
        started_at=started_at,
        beat_at=beat_at,
        until=until,
        swarms=swarms,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(cast("list[str]", parsed(text)))


def _hosting(row: Row) -> Hosting:
    swarm, node, is_adoptable, state, seq = row
    return Hosting(
        swarm=SwarmId(swarm),
        node=NodeId(node),
        is_adoptable=bool(is_adoptable),
        state=HostState(state),
        seq=seq,
    )
