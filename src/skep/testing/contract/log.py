"""The event log: dense, in order, and never silent about what it lost."""

import asyncio
from dataclasses import replace

import pytest

from skep.records.errors import LimitExceeded, SwarmNotFound
from skep.records.event import Cursor
from skep.records.ids import SwarmId
from skep.records.limits import EVENT_BYTES_MAX, EVENTS_PAGE_MAX
from skep.testing.acts import claim, claim_one, events, submit, succeed
from skep.testing.clock import START_S, ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import many, task

START = Cursor(incarnation="", swarm=SwarmId("s"))


class LogContract:
    """Invariant 25, and what a reader may rely on."""

    async def test_events_are_dense_from_one(self, store: InspectableStore) -> None:
        """Each swarm counts its own events without a gap, whatever happens beside it."""
        await submit(store, "s", *many(3))
        await submit(store, "t", *many(3))
        await succeed(store, *await claim(store))

        for swarm in ("s", "t"):
            told = await events(store, swarm)
            assert [event.seq for event in told] == list(range(1, len(told) + 1))

    async def test_events_carry_their_time(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """An event is dated by the store's clock."""
        await submit(store, "s", task("a"))
        clock.advance(5)
        await claim_one(store)

        assert [event.at - START_S for event in await events(store, "s")] == [0, 0, 5]

    async def test_a_cursor_goes_on_where_it_was(self, store: InspectableStore) -> None:
        """Pages follow each other without loss or repetition."""
        await submit(store, "s", *many(10))
        whole = (await store.log.read(START)).events

        pages = [await store.log.read(START, limit=4)]
        while pages[-1].events:
            pages.append(await store.log.read(pages[-1].cursor, limit=4))

        assert tuple(event for page in pages for event in page.events) == whole
        assert [len(page.events) for page in pages] == [4, 4, 3, 0]
        assert not any(page.gap for page in pages)

    async def test_a_cursor_bears_the_incarnation(self, store: InspectableStore) -> None:
        """What a page gives to go on with names this life of the store."""
        await submit(store, "s", task("a"))

        page = await store.log.read(START)

        assert page.cursor == Cursor(
            incarnation=store.incarnation, swarm=SwarmId("s"), seq=page.events[-1].seq
        )

    async def test_a_page_is_bounded(self, store: InspectableStore) -> None:
        """However much is asked for, a page holds EVENTS_PAGE_MAX events."""
        await submit(store, "s", *many(EVENTS_PAGE_MAX + 10))

        page = await store.log.read(START, limit=1_000_000)

        assert len(page.events) == EVENTS_PAGE_MAX

    async def test_another_incarnation_is_a_gap(self, store: InspectableStore) -> None:
        """A cursor of another life of the store is told so, never answered in silence (15)."""
        await submit(store, "s", task("a"))
        await claim_one(store)

        page = await store.log.read(replace(START, incarnation="another", seq=1), patience_s=60)

        assert (page.gap, page.events) == (True, ())
        assert page.cursor == replace(START, incarnation=store.incarnation)

    async def test_a_reader_at_the_end_gets_an_empty_page(self, store: InspectableStore) -> None:
        """Nothing new is an empty page and the same place."""
        await submit(store, "s", sealed=False)
        end = replace(START, seq=1)

        page = await store.log.read(end)

        assert (page.events, page.gap) == ((), False)
        assert page.cursor == replace(end, incarnation=store.incarnation)

    async def test_an_unknown_swarm_has_no_log(self, store: InspectableStore) -> None:
        """Reading of a swarm that is not there raises, with patience too."""
        for patience_s in (0.0, 60.0):
            with pytest.raises(SwarmNotFound):
                await store.log.read(START, patience_s=patience_s)

    async def test_notes_are_told_in_order(self, store: InspectableStore) -> None:
        """What a task notes stands in the log as it said it."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)

        assert await store.log.remark(
            grant.token, [{"done": 0.5}, {"text": "é", "deep": [1, None]}]
        )

        told = (await events(store, "s"))[-2:]
        assert [(event.kind, event.task) for event in told] == [("task.progressed", "a")] * 2
        assert [dict(event.data) for event in told] == [
            {"done": 0.5},
            {"text": "é", "deep": [1, None]},
        ]

    async def test_a_note_too_large_is_refused(self, store: InspectableStore) -> None:
        """A remark over EVENT_BYTES_MAX is refused by name, its neighbours with it."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        before = await store.dump()

        with pytest.raises(LimitExceeded, match="EVENT_BYTES_MAX"):
            await store.log.remark(grant.token, [{"a": 1}, {"b": "x" * EVENT_BYTES_MAX}])

        assert await store.dump() == before

    async def test_writers_at_once_share_one_order(self, store: InspectableStore) -> None:
        """Events written by many at once are dense all the same."""
        await submit(store, "s", *many(20))
        grants = await claim(store)

        await asyncio.gather(*(store.log.remark(grant.token, [{"n": 1}]) for grant in grants))

        told = await events(store, "s")
        assert [event.seq for event in told] == list(range(1, 62))
