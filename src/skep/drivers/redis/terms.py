"""The Redis store's elections; see functions/61_terms.lua."""

from collections.abc import Sequence
from typing import Any, Final, cast

from skep.drivers.redis.asks import mandate_ask
from skep.drivers.redis.ports import Desk
from skep.drivers.redis.wire import Wire
from skep.policy.bounds import check_campaign, check_duty_run, check_leader_lease
from skep.records.ids import WorkerId
from skep.records.leadership import DutyRun, Leadership, Mandate
from skep.records.values import canonical, parsed

DUTIES: Final = "skep:duties"


class RedisTerms:
    """Elections, and what leaders have done."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def campaign(self, node: WorkerId, *, lease_s: float, seen: int = 0) -> Leadership:
        """See `ports.terms.Terms.campaign`."""
        check_campaign(node, lease_s=lease_s, seen=seen)
        return _leadership(await self._desk.call("campaign", node, repr(lease_s), seen))

    async def renew(self, mandate: Mandate, *, lease_s: float) -> Leadership:
        """See `ports.terms.Terms.renew`."""
        check_leader_lease(lease_s)
        told = mandate_ask(mandate)
        return _leadership(await self._desk.call("renew_term", told, repr(lease_s)))

    async def resign(self, mandate: Mandate) -> bool:
        """See `ports.terms.Terms.resign`."""
        return bool(await self._desk.call("resign", mandate_ask(mandate)))

    async def note(self, mandate: Mandate, run: DutyRun) -> None:
        """See `ports.terms.Terms.note`."""
        check_duty_run(run)
        kept = {"node": mandate.node, "term": mandate.term, "result": run.result}
        words = canonical({**kept, "is_failure": run.is_failure})
        beginning = words.removesuffix("}")  # the store adds its time
        await self._desk.call("note_duty", mandate_ask(mandate), run.duty, beginning)

    async def read(self) -> Leadership | None:
        """See `ports.terms.Terms.read`."""
        row = await self._desk.call("leader")
        return _leadership(row) if row else None

    async def duties(self) -> Sequence[DutyRun]:
        """See `ports.terms.Terms.duties`."""
        return await every_duty(self._desk.wire)


async def last_election(wire: Wire) -> Leadership | None:
    """Read the last election as it was written."""
    names = ("incarnation", "node", "term", "since", "expires_at", "lease_s", "resigned")
    row = await wire.command("HMGET", "swarm:leader", *names)
    return _leadership([*row, 0, 0]) if row[0] is not None else None


async def every_duty(wire: Wire) -> Sequence[DutyRun]:
    """Read how each duty went last, by name."""
    row: list[str] = await wire.command("HGETALL", DUTIES)
    pairs = sorted(zip(row[::2], row[1::2], strict=True))
    return [_duty_run(duty, cast("dict[str, Any]", parsed(text))) for duty, text in pairs]


def _leadership(row: Sequence[Any]) -> Leadership:
    incarnation, node, term, since, expires_at, lease_s, resigned, is_held, is_mine = row
    return Leadership(
        incarnation=incarnation,
        node=WorkerId(node),
        term=int(term),
        since=float(since),
        expires_at=float(expires_at),
        lease_s=float(lease_s),
        is_resigned=resigned == "1",
        is_held=bool(is_held),
        is_mine=bool(is_mine),
    )


def _duty_run(duty: str, fields: dict[str, Any]) -> DutyRun:
    return DutyRun(
        duty=duty,
        node=WorkerId(fields["node"]),
        term=fields["term"],
        result=fields["result"],
        is_failure=fields["is_failure"],
        at=float(fields["at"]),
    )
