"""Telling swarms: words of people, kept in order, and made known to whoever is at work."""

import pytest

from skep.records.command import Order
from skep.records.errors import (
    CommandConflict,
    InvalidInput,
    LimitExceeded,
    SkepError,
    SwarmClosed,
    SwarmNotFound,
    TaskNotFound,
)
from skep.records.ids import SwarmId
from skep.records.limits import NAME_CHARS_MAX, TOLD_BYTES_MAX, TOLD_MAX
from skep.records.step import StepVerdict
from skep.records.swarm import SwarmMove, SwarmStatus
from skep.records.told import Told
from skep.testing.acts import claim, claim_one, events, steer, submit, succeed, write
from skep.testing.clock import ManualClock
from skep.testing.harness import InspectableStore
from skep.testing.samples import intent, lapsed, order, record, task

M, S = SwarmMove, SwarmStatus


class TellingContract:
    """Invariant 44: a message is kept once, in order, and whoever works learns of it."""

    async def test_a_message_is_kept_as_it_was_said(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """Text, author, time and task come back to the letter, numbered from 1."""
        await submit(store, "s", task("a"), task("b"))
        text = 'Mind "the" tests/é\n\tand hurry 🐝'

        await steer(store, "s", M.TELL, text=text, by="ann")
        clock.advance(5)
        await steer(store, "s", M.TELL, "b", text="Only you", by="")

        at = clock.now()
        first = Told(swarm=SwarmId("s"), number=1, text=text, by="ann", at=at - 5)
        told = await store.registry.told(SwarmId("s"))
        assert told[0] == first
        assert (told[1].number, told[1].task, told[1].by, told[1].at) == (2, "b", "", at)
        assert await store.registry.told(SwarmId("s"), after=1) == [told[1]]
        assert await store.registry.told(SwarmId("s"), after=2) == []

    async def test_a_message_tells_of_itself(self, store: InspectableStore) -> None:
        """The log has one event for each, with all of it."""
        await submit(store, "s", task("a"))

        await steer(store, "s", M.TELL, "a", text="Hurry", by="ann")

        event = (await events(store, "s"))[-1]
        assert (event.kind, event.task) == (M.TELL, None)
        assert event.data == {"number": 1, "text": "Hurry", "by": "ann", "task": "a"}

    @pytest.mark.parametrize("move", [None, M.PAUSE, M.INTERRUPT])
    async def test_telling_changes_no_status(
        self, store: InspectableStore, move: SwarmMove | None
    ) -> None:
        """A swarm that lives is told in whatever status, and stays in it."""
        await submit(store, "s", task("a"))
        before = await steer(store, "s", move) if move else S.ACTIVE

        assert await steer(store, "s", M.TELL, text="Hurry") is before

    async def test_the_journal_tells_whoever_works(self, store: InspectableStore) -> None:
        """Each answer of the journal counts the messages so far, those for other tasks too."""
        await submit(store, "s", task("a"), task("b"))
        token = (await claim_one(store)).token
        seen = [(await write(store, intent(token))).told]
        for key in ("a", "b"):
            await steer(store, "s", M.TELL, key, text="Hurry")
            entries = (record(token), intent(token, key), lapsed(token, key))
            seen += [(await write(store, entry)).told for entry in entries]

        assert seen == [0, 1, 1, 1, 2, 2, 2]

    async def test_no_call_is_opened_over_the_head_of_a_message(
        self, store: InspectableStore
    ) -> None:
        """An intent that says what it knows is UNHEARD while the swarm was told more."""
        await submit(store, "s", task("a"))
        token = (await claim_one(store)).token
        await steer(store, "s", M.TELL, text="Hurry")

        [done, opened, closed] = await store.journal.write(
            [intent(token, "k"), record(token, "k"), intent(token, "next", told=0)]
        )

        verdicts = (done.verdict, opened.verdict, closed.verdict)
        assert verdicts == (StepVerdict.OPENED, StepVerdict.RECORDED, StepVerdict.UNHEARD)
        assert closed.told == 1
        assert [step.key for step in await store.journal.read(token.ref, run=1)] == ["k"]
        assert (await write(store, intent(token, "next", told=1))).verdict is StepVerdict.OPENED

    async def test_a_call_that_was_begun_is_not_told_to_listen(
        self, store: InspectableStore
    ) -> None:
        """A known step answers as ever: it is bound to what it asked for."""
        await submit(store, "s", task("a"))
        token = (await claim_one(store)).token
        await write(store, intent(token, "open", told=0))
        await write(store, intent(token, "done", told=0))
        await write(store, record(token, "done"))
        await steer(store, "s", M.TELL, text="Hurry")

        again = [await write(store, intent(token, key, told=0)) for key in ("open", "done")]

        assert [answer.verdict for answer in again] == [StepVerdict.OPENED, StepVerdict.FOUND]

    async def test_a_known_step_tells_too(self, store: InspectableStore) -> None:
        """An answer with a recorded value counts the messages, and gives the value."""
        await submit(store, "s", task("a"))
        token = (await claim_one(store)).token
        await write(store, intent(token))
        await write(store, record(token, value="paid"))
        await steer(store, "s", M.TELL, text="Hurry")

        found = await write(store, intent(token, name="again"))

        assert (found.verdict, found.value, found.told) == (StepVerdict.FOUND, '"paid"', 1)

    async def test_a_grant_tells_whoever_starts(self, store: InspectableStore) -> None:
        """A task that starts after a message knows of it from its grant."""
        await submit(store, "s", task("a"), task("b"))
        await submit(store, "t", task("a"))
        first = await claim_one(store)
        await steer(store, "s", M.TELL, text="Hurry")

        others = {(grant.token.swarm, grant.told) for grant in await claim(store)}

        assert first.told == 0
        assert others == {("s", 1), ("t", 0)}

    async def test_a_fenced_caller_is_not_told(self, store: InspectableStore) -> None:
        """Who holds the task no more learns nothing of the swarm."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.TELL, text="Hurry")
        grant = await claim_one(store)
        await steer(store, "s", M.CANCEL)

        answer = await write(store, intent(grant.token))

        assert (answer.verdict, answer.told) == (StepVerdict.FENCED, 0)

    async def test_a_message_is_told_once(self, store: InspectableStore) -> None:
        """The same command again changes nothing, in a swarm that has ended too."""
        await submit(store, "s", task("a"))
        asked = order("s", M.TELL, text="Hurry", command="c")
        assert list(await store.work.steer([asked, asked])) == [S.ACTIVE, S.ACTIVE]
        await succeed(store, await claim_one(store))
        before = await store.dump()

        assert list(await store.work.steer([asked])) == [S.COMPLETED]

        assert await store.dump() == before
        assert len(await store.registry.told(SwarmId("s"))) == 1

    async def test_other_words_under_a_name_are_a_conflict(self, store: InspectableStore) -> None:
        """Text, author and task are part of the order."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.TELL, text="Hurry", command="c")

        answers = await store.work.steer(
            [
                order("s", M.TELL, text="Rest", command="c"),
                order("s", M.TELL, text="Hurry", by="ann", command="c"),
                order("s", M.TELL, "a", text="Hurry", command="c"),
            ]
        )

        assert all(isinstance(answer, CommandConflict) for answer in answers), answers

    @pytest.mark.parametrize("move", [M.CANCEL, None])
    async def test_an_ended_swarm_is_told_nothing(
        self, store: InspectableStore, move: SwarmMove | None
    ) -> None:
        """Nobody would hear it, so it is refused, and nothing is kept."""
        await submit(store, "s", task("a"))
        grant = await claim_one(store)
        await steer(store, "s", move) if move else await succeed(store, grant)
        before = await store.dump()

        [answer] = await store.work.steer([order("s", M.TELL, text="Hurry", command="c")])

        assert isinstance(answer, SwarmClosed)
        assert "skep swarm retry" in answer.hint
        assert await store.dump() == before

    async def test_a_reopened_swarm_is_told_again(self, store: InspectableStore) -> None:
        """After a retry it takes messages, and the next run knows of the earlier ones."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.TELL, text="Hurry")
        await succeed(store, await claim_one(store))
        await steer(store, "s", M.REOPEN, "a")

        await steer(store, "s", M.TELL, text="Take your time")

        assert (await claim_one(store)).told == 2  # noqa: PLR2004 - as told

    async def test_what_cannot_be_heard_is_refused(self, store: InspectableStore) -> None:
        """No words, too many, no such task or swarm, and more than one task: nothing is kept."""
        await submit(store, "s", task("a"), task("b"))
        before = await store.dump()
        most = "é" * (TOLD_BYTES_MAX // 2)
        refusals: dict[type[SkepError], list[dict[str, str]]] = {
            InvalidInput: [{"text": ""}, {"text": " \n"}],
            LimitExceeded: [
                {"text": f"{most}."},
                {"text": '"' * TOLD_BYTES_MAX},
                {"text": "Hurry", "by": "a" * (NAME_CHARS_MAX + 1)},
            ],
        }

        for kind, cases in refusals.items():
            for case in cases:
                [answer] = await store.work.steer([_telling(**case)])
                assert type(answer) is kind, (case, answer)
        [two] = await store.work.steer([order("s", M.TELL, "a", "b", text="Hurry")])
        [none] = await store.work.steer([order("s", M.TELL, "ghost", text="Hurry")])
        [nowhere] = await store.work.steer([order("ghost", M.TELL, text="Hurry")])
        with pytest.raises(InvalidInput):
            await store.work.steer([_telling(text="a\0b")])

        assert isinstance(two, InvalidInput)
        assert isinstance(none, TaskNotFound)
        assert isinstance(nowhere, SwarmNotFound)
        assert await store.dump() == before
        assert await steer(store, "s", M.TELL, text=most) is S.ACTIVE

    async def test_a_swarm_holds_so_many_messages(self, store: InspectableStore) -> None:
        """One more than that is refused by the limit's name, and its id stays free."""
        await submit(store, "s", task("a"))
        for number in range(TOLD_MAX):
            await steer(store, "s", M.TELL, text=f"{number}")

        [answer] = await store.work.steer([order("s", M.TELL, text="more", command="c")])

        assert isinstance(answer, LimitExceeded)
        assert (answer.limit, answer.actual) == ("TOLD_MAX", TOLD_MAX + 1)
        assert await steer(store, "s", M.PAUSE, command="c") is S.PAUSED
        told = await store.registry.told(SwarmId("s"))
        assert [each.number for each in told] == [*range(1, TOLD_MAX + 1)]

    async def test_messages_of_a_swarm_that_is_not_there(self, store: InspectableStore) -> None:
        """Reading them is refused like any other reading."""
        with pytest.raises(SwarmNotFound):
            await store.registry.told(SwarmId("ghost"))

    async def test_messages_go_with_their_swarm(
        self, store: InspectableStore, clock: ManualClock
    ) -> None:
        """A swarm that is forgotten leaves none, and another of its name begins with none."""
        await submit(store, "s", task("a"))
        await steer(store, "s", M.TELL, text="Hurry")
        await steer(store, "s", M.CANCEL)
        clock.advance(10)
        await store.retention.forget([SwarmId("s")], before=clock.now())
        while await store.retention.clear(limit=1):
            pass

        await submit(store, "s", task("a"))

        assert await store.registry.told(SwarmId("s")) == []
        assert (await claim_one(store)).told == 0


def _telling(*, text: str, by: str = "") -> Order:
    return order("s", M.TELL, text=text, by=by)
