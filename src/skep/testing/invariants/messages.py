"""Invariants of messages: one reader for each, the order of each sender, and why one is dead."""

from collections import defaultdict

from skep.ports.inspection import Dump
from skep.records.limits import INBOX_MAX, MESSAGE_TRIES_MAX
from skep.records.message import UNDELIVERED, Address, MessageState, Posted
from skep.testing.invariants.report import hold


def check_messages(dump: Dump) -> None:
    """Invariants 26 and 29: what a look at the mailboxes can prove."""
    known = {swarm.id for swarm in dump.swarms}
    numbers = [each.number for each in dump.messages]
    hold(26, "two messages have one number", that=len(set(numbers)) == len(numbers))
    refs = {each.ref for each in dump.messages}
    hold(26, "an inbox has an id twice", that=len(refs) == len(numbers))
    lines = defaultdict[tuple[Address, Address], list[Posted]](list)
    held = defaultdict[Address, int](int)
    for each in sorted(dump.messages, key=lambda posted: posted.number):
        hold(26, f"{each.ref} is in no swarm", that=each.message.to.swarm in known)
        _check_state(each)
        held[each.message.to] += each.state is not MessageState.ACKNOWLEDGED
        if each.state in UNDELIVERED:
            lines[each.message.to, each.message.sender].append(each)
    for line in lines.values():
        _check_line(line)
    for to, count in held.items():
        hold(29, f"{to} holds {count}", that=count <= INBOX_MAX)


def _check_state(each: Posted) -> None:
    is_over = each.state not in UNDELIVERED
    hold(26, f"{each.ref} is {each.state}", that=is_over == (each.ended_at is not None))
    hold(29, f"{each.ref} has {each.tries} tries", that=0 <= each.tries <= MESSAGE_TRIES_MAX)
    is_dead = each.state is MessageState.DEAD
    hold(26, f"{each.ref} is dead without a reason", that=bool(each.reason) or not is_dead)
    is_taken = each.state is MessageState.TAKEN
    hold(26, f"{each.ref} is taken untried", that=each.tries > 0 or not is_taken)


def _check_line(line: list[Posted]) -> None:
    """Only the first message of a sender is with a reader, or rests after one."""
    for later in line[1:]:
        is_untouched = later.state is MessageState.WAITING and later.due_at == 0.0
        hold(26, f"{later.ref} did not wait for {line[0].ref}", that=is_untouched)


def check_mail_step(before: Dump, after: Dump) -> None:
    """What is dead or acknowledged stays so under its number, and what is live does not vanish.

    A replayed message stands under another number.
    """
    now = {each.number: each for each in after.messages}
    replayed = {each.ref for each in after.messages}
    gone = {swarm.id for swarm in before.swarms} - {swarm.id for swarm in after.swarms}
    for was in before.messages:
        each = now.get(was.number)
        if each is None:
            is_free = was.state not in UNDELIVERED or was.message.to.swarm in gone
            is_free = is_free or was.ref in replayed
            hold(26, f"{was.ref}, which was {was.state}, vanished", that=is_free)
        elif was.state not in UNDELIVERED:
            hold(26, f"{was.ref} was {was.state}, is {each.state}", that=each == was)
        else:
            hold(26, f"{was.ref} became another", that=each.message == was.message)
