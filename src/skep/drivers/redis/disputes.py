"""The Redis store's disputes: a case is read, changed by policy, and put back unless it changed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from skep.drivers.redis.ports import Desk
from skep.drivers.redis.reading import swarm as read_swarm
from skep.policy.conflict import check_dispute, ruled, voted
from skep.records.case_codec import case_from, case_text
from skep.records.dispute import Ballot, Case, Dispute, Party
from skep.records.errors import CommandConflict, SkepError
from skep.records.ids import SwarmId
from skep.records.sharing_errors import DisputeNotFound

INDEX: Final = "swarm:conflicts"
OPEN: Final = "swarm:conflicts:open"

Change = Callable[[Case | None], Awaitable[Case]]


class RedisDisputes:
    """Disputes between swarms, kept with their ballots and rulings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, disputes: Sequence[Dispute]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.open`."""
        return [await self._changed(each.id, self._opening(each)) for each in disputes]

    async def cast(self, ballots: Sequence[Ballot]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.cast`."""
        return [await self._changed(each.dispute, _voting(each)) for each in ballots]

    async def settle(self, ids: Sequence[str]) -> Sequence[Case | SkepError]:
        """See `ports.disputes.Disputes.settle`."""
        return [await self._changed(each, self._ruling(each)) for each in ids]

    async def read(self, ids: Sequence[str]) -> Sequence[Case]:
        """See `ports.disputes.Disputes.read`."""
        texts = await self._texts(ids)
        for id_, text in zip(ids, texts, strict=True):
            if text is None:
                raise DisputeNotFound(dispute=id_)
        return [case_from(text) for text in texts if text is not None]

    async def find(self, *, is_open: bool | None = None, limit: int = 50) -> Sequence[Case]:
        """See `ports.disputes.Disputes.find`."""
        wire = self._desk.wire
        last = -1 if is_open is False or limit < 0 else limit - 1
        ids: list[str] = await wire.command("ZREVRANGE", OPEN if is_open else INDEX, 0, last)
        cases = [case_from(text) for text in await self._texts(ids) if text is not None]
        found = [case for case in cases if is_open in (None, case.is_open)]
        return found if limit < 0 else found[:limit]

    async def _texts(self, ids: Sequence[str]) -> list[str | None]:
        return await self._desk.wire.commands([("HGET", _key(each), "case") for each in ids])

    async def _changed(self, id_: str, change: Change) -> Case | SkepError:
        try:
            while True:
                row = await self._desk.wire.command("HMGET", _key(id_), "version", "case")
                before = case_from(row[1]) if row[1] is not None else None
                after = await change(before)
                if after == before or await self._put(id_, row[0] or "0", after):
                    return after
        except SkepError as refusal:
            return refusal

    async def _put(self, id_: str, version: str, case: Case) -> bool:
        told = (id_, version, case_text(case), "1" if case.is_open else "0")
        return bool(await self._desk.call("put_case", *told))

    async def _now(self) -> float:
        """The time of the store."""
        if now := self._desk.now():
            return float(now)
        seconds, micros = await self._desk.wire.command("TIME")
        return int(seconds) + int(micros) / 1_000_000

    def _opening(self, asked: Dispute) -> Change:
        async def change(case: Case | None) -> Case:
            check_dispute(asked)
            if case is None:
                parties = tuple([await self._party(each) for each in asked.parties])
                return Case(dispute=asked, parties=parties, opened_at=await self._now())
            if case.dispute != asked:
                raise CommandConflict
            return case

        return change

    def _ruling(self, id_: str) -> Change:
        async def change(case: Case | None) -> Case:
            return ruled(_there(case, id_), at=await self._now())

        return change

    async def _party(self, swarm: SwarmId) -> Party:
        seen = await read_swarm(self._desk.wire, swarm)
        return Party(swarm=swarm, priority=seen.request.priority, since=seen.created_at)


def _voting(ballot: Ballot) -> Change:
    async def change(case: Case | None) -> Case:
        return voted(_there(case, ballot.dispute), ballot)

    return change


def _there(case: Case | None, id_: str) -> Case:
    if case is None:
        raise DisputeNotFound(dispute=id_)
    return case


def _key(id_: str) -> str:
    return f"swarm:conflict:{id_}"
