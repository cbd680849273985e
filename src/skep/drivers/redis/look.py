"""Asking a server about itself and its store for the doctor, without changing anything."""

from collections.abc import Mapping
from contextlib import suppress

from skep.drivers.redis import reading
from skep.drivers.redis.life import info_of
from skep.drivers.redis.passing import every_gate
from skep.drivers.redis.wire import Wire
from skep.ports.inspection import Underway, is_at_work, underway
from skep.ports.system import Clock
from skep.records.errors import StoreError
from skep.records.ids import SwarmId
from skep.records.swarm import SwarmStatus


async def look_into(
    url: str, *, clock: Clock, limit: int
) -> tuple[Mapping[str, str], Underway | None]:
    """Ask a server about itself and what runs in its store, and change nothing.

    Gives its INFO and, besides: `time` and `host_time` in seconds; `swarms` and `active`, how many;
    `incarnation` and `known_run_id`, as Skep last wrote them; `appendfsync`, missing where it
    must not be asked. Raises `StoreError`, `ValueError` for the URL, or `ImportError`.
    """
    wire = Wire(url)
    try:
        facts = info_of(await wire.command("INFO"))
        seconds, micros = await wire.command("TIME")
        facts |= {"time": f"{seconds}.{micros:0>6}", "host_time": repr(clock.now())}
        incarnation, run_id = await wire.command("HMGET", "skep:meta", "incarnation", "run_id")
        facts |= {"incarnation": incarnation or "", "known_run_id": run_id or ""}
        facts["swarms"] = str(await wire.command("ZCARD", reading.INDEX))
        active = f"swarm:status:{SwarmStatus.ACTIVE}"
        facts["active"] = str(await wire.command("SCARD", active))
        with suppress(StoreError):
            facts["appendfsync"] = (await wire.command("CONFIG", "GET", "appendfsync"))[1]
        found_underway = None
        with suppress(StoreError):
            ids = sorted(await wire.command("SMEMBERS", active))
            swarms = [await reading.swarm(wire, SwarmId(each)) for each in reversed(ids[-limit:])]
            at_work = [each.id for each in swarms if is_at_work(each)]
            tasks = [await reading.tasks(wire, each) for each in at_work]
            found_underway = underway(swarms, tasks, await every_gate(wire))
        return facts, found_underway
    finally:
        await wire.close()
