"""Plants bugs into copies of Skep and sees that its tests catch each one.

A suite that passes says little until it was seen to fail. Each bug is one small change of a
shipped file; the contract suite of the driver that it touches runs on the copy, or the tests of the
engine (hive and agent), and must fail. The report names the invariant that was found broken, or the
sentence of the test that failed. Exits 1 when a bug survives,
and when the text that a bug replaces is not there any more.

    scripts/plant_bugs.py [NAME ...]
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPO: Final = Path(__file__).parents[1]
COPIED: Final = (
    "src",
    "tests/agent",
    "tests/contract",
    "tests/hive",
    "tests/keeping",
    "tests/servers.py",
    "pyproject.toml",
)
SUITE: Final = "tests/contract/test_stores.py"
KEEPING: Final = "tests/keeping/test_keeping.py"
KEPT_MAIL: Final = "tests/keeping/test_keeping_mail.py"
KEPT_TERMS: Final = "tests/keeping/test_keeping_terms.py"
EXAMPLES: Final = {
    "Memory": [SUITE, "tests/hive/test_election_world.py", "-k", "on-memory or election_world"],
    "Redis": [
        *(SUITE, KEEPING, KEPT_MAIL, KEPT_TERMS),
        *("-k", "on-redis or (test_keeping and redis)"),
    ],
    "Sqlite": [
        *(SUITE, "tests/contract/test_sqlite_torn.py", KEEPING, KEPT_MAIL, KEPT_TERMS),
        *("-k", "on-sqlite or torn or (test_keeping and not redis)"),
    ],
}
TAKEN_UP: Final = "Images or Captures or Suspending or Recovering or Founding"
NEAR: Final = {
    "states": TAKEN_UP,
    "rebuilding": TAKEN_UP,
    "laying": TAKEN_UP,
    "captures": TAKEN_UP,
    "64_state": TAKEN_UP,
    "recovery": TAKEN_UP,
    "replaying": TAKEN_UP,
    "capturing": TAKEN_UP,
    "imaging": TAKEN_UP,
    "elect": "Elections or LeaderLeases or Mandates",
    "terms": "Elections or LeaderLeases or Mandates",
    "census": "Nodes or Hosting or Adoption",
    "directory": "Finding or Statistics or Archive",
    "hosting": "Nodes or Hosting or Adoption",
    "conflict": "Disputes",
    "docket": "Disputes",
    "disputes": "Disputes",
    "pool": "Pool",
    "sharing": "Pool",
    "placing": "Placing or Shifting",
    "placement": "Placing or Shifting",
    "siting": "Placing",
    "shifting": "Shifting",
    "mail": "Sending or Taking or Mail",
    "postroom": "Sending or Taking or Mail",
    "gates": "Rates or Places or Breakers or Rests",
    "admission": "Rates or Places or Breakers or Rests",
    "breaker": "Rates or Places or Breakers or Rests",
    "passing": "Rates or Places or Breakers or Rests",
    "purse": "Reservations or FullPurses or LostCalls or Raising",
    "approv": "Asking or Deciding",
    "keeping": "Retention or Holdings",
    "retention": "Retention or Holdings",
    "holdings": "Retention or Holdings or Blobs",
    "telling": "Telling",
    "letters": "Letters",
    "journal": "Journal or Reservations or Fencing",
    "claiming": "Claiming or Fairness or Leases",
    "dealing": "Fairness or Claiming",
    "fairness": "Fairness or Claiming",
    "steering": "Steering or Reopening or Orders or Capping",
    "reopening": "Reopening",
    "submitting": "Submitting or Adding",
    "plans": "Submitting or Adding",
    "settling": "Settling or Crashes",
    "leases": "Leases or Sweeping or Mandates",
    "expiry": "Leases or Sweeping",
    "fenc": "Fencing",
}
"""The classes of the suite that most likely tell of a bug, by a word in the name of its file."""

ENGINE: Final = [
    "tests/hive",
    *("tests/agent/test_journal.py", "tests/agent/test_function.py", "tests/agent/test_hearing.py"),
    "tests/agent/test_gatekeeping.py",
    "tests/agent/test_gathering.py",
]
ENGINE_LIMIT_S: Final = 20
"""No test of the engine takes a second; a bug may well make it wait for ever."""

AT_ONCE: Final = 2
TIME_LIMIT_S: Final = 300
SENTENCE: Final = re.compile(r"^-+ contract -+\n(Invariants? .*?)\.?$", re.MULTILINE)
BROKEN: Final = re.compile(r"InvariantBroken: (I\d+ [^:]+)")
FAILED: Final = re.compile(r"^(?:FAILED|ERROR) ([^:]+)::([\w:]+)", re.MULTILINE)
PASSED: Final = 0
TESTS_FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One change of one file under src/skep, and the sentence of the contract that it breaks."""

    name: str
    file: str
    old: str
    new: str
    breaks: str


BUGS: Final[tuple[Bug, ...]] = (
    # --- swarms that are taken up again ---
    Bug(
        name="suspend-keeps-token",
        file="drivers/memory/rebuilding.py",
        old='task.nonce, task.reason = "", SUSPENDED',
        new="task.reason = SUSPENDED",
        breaks="I45 Reinstated: no holder of before",
    ),
    Bug(
        name="sqlite-suspend-keeps-token",
        file="drivers/sqlite/rebuilding.py",
        old='told=told, nonce="", reason=SUSPENDED)',
        new="told=told, reason=SUSPENDED)",
        breaks="I45 Reinstated: no holder of before",
    ),
    Bug(
        name="redis-suspend-keeps-token",
        file="drivers/redis/functions/64_state.lua",
        old="local columns = {nonce = '', reason = SUSPENDED}",
        new="local columns = {reason = SUSPENDED}",
        breaks="I45 Reinstated: no holder of before",
    ),
    Bug(
        name="reinstate-whatever-the-log",
        file="drivers/memory/rebuilding.py",
        old="if len(swarm.events) != ask.seq:",
        new="if len(swarm.events) < ask.seq:",
        breaks="I45 Reinstated: to its own log only",
    ),
    Bug(
        name="sqlite-reinstate-whatever-the-log",
        file="drivers/sqlite/rebuilding.py",
        old="if sheet.seq != ask.seq:",
        new="if sheet.seq < ask.seq:",
        breaks="I45 Reinstated: to its own log only",
    ),
    Bug(
        name="redis-reinstate-whatever-the-log",
        file="drivers/redis/functions/64_state.lua",
        old="if s.seq ~= ask.seq then",
        new="if s.seq < ask.seq then",
        breaks="I45 Reinstated: to its own log only",
    ),
    Bug(
        name="replay-forgets-attempts",
        file="policy/replaying.py",
        old="attempt=task.attempt + 1, started_at",
        new="attempt=task.attempt, started_at",
        breaks="I45 Reinstated: attempts go on",
    ),
    Bug(
        name="replay-keeps-a-lost-outcome",
        file="policy/replaying.py",
        old="    if _has_lost_outcome(image.task, task):",
        new="    if task.attempt > 99:",
        breaks="I30 Snapshot: what is gone is done again",
    ),
    Bug(
        name="recovery-runs-before-what-it-waits-for",
        file="policy/recovery.py",
        old="if any(up.status not in TERMINAL for up in ups):",
        new="if task.attempt > 99:",
        breaks="I2 Readiness",
    ),
    Bug(
        name="copy-keeps-reservations",
        file="policy/recovery.py",
        old="purse = replace(swarm.purse, reserved=NOTHING, open=0)",
        new="purse = swarm.purse",
        breaks="I46 Founded: nothing under way",
    ),
    Bug(
        name="captures-never-go",
        file="policy/capturing.py",
        old="[: -KEPT[kind]]",
        new="[: -KEPT[kind] - 1]",
        breaks="I29 Bounds: ten stay",
    ),
    Bug(
        name="sqlite-capture-parts-unnoted",
        file="drivers/sqlite/captures.py",
        old="[(*key, digest) for digest in sorted(set(parts))],",
        new="[],",
        breaks="I31 Retention: the parts of a capture",
    ),
    Bug(
        name="redis-capture-parts-unnoted",
        file="drivers/redis/functions/64_state.lua",
        old="'skep:users:' .. digest, id .. '@' .. name)\n    redis.call('ZREM'",
        new="'skep:nobody', name)\n    redis.call('ZREM'",
        breaks="I31 Retention: the parts of a capture",
    ),
    Bug(
        name="redis-captures-outlive-their-swarm",
        file="drivers/redis/functions/35_keeping.lua",
        old="  states.forget(id)\n",
        new="",
        breaks="I31 Retention: a capture goes with its swarm",
    ),
    Bug(
        name="redis-rebuilt-without-its-edges",
        file="drivers/redis/functions/64_state.lua",
        old="if down[3] then redis.call('ZADD'",
        new="if false then redis.call('ZADD'",
        breaks="I2 Readiness",
    ),
    Bug(
        name="sqlite-rebuilt-in-another-order",
        file="drivers/sqlite/laying.py",
        old="    _renumber(changes, sheet, numbers)\n",
        new="    _renumber(changes, sheet, {key: n + 1_000 for key, n in numbers.items()})\n",
        breaks="I3 Edge once",
    ),
    # --- elections ---
    Bug(
        name="term-not-grown",
        file="policy/election.py",
        old="term=max(stands.term if stands else 0, candidate.term) + 1,",
        new="term=max(stands.term if stands else 0, candidate.term, 1),",
        breaks="I14 Term: it grows strictly",
    ),
    Bug(
        name="term-forgets-what-was-seen",
        file="policy/election.py",
        old="term=max(stands.term if stands else 0, candidate.term) + 1,",
        new="term=(stands.term if stands else 0) + 1,",
        breaks="I14 Term: after all that was seen",
    ),
    Bug(
        name="any-mandate-of-the-node-counts",
        file="policy/election.py",
        old="return stands.mandate == mandate",
        new="return stands.node == mandate.node",
        breaks="I14 Term: a write under another term is refused",
    ),
    Bug(
        name="resigned-leader-may-act",
        file="policy/election.py",
        old="if stands is None or stands.is_resigned or mandate.incarnation != incarnation:",
        new="if stands is None or mandate.incarnation != incarnation:",
        breaks="I14 Term: a resigned mandate is void",
    ),
    Bug(
        name="leader-lease-of-another-day-stands",
        file="policy/election.py",
        old="return now < stands.expires_at <= now + 2 * stands.lease_s",
        new="return now < stands.expires_at",
        breaks="I35: a leader exists within two leases, when the clock was set back too",
    ),
    Bug(
        name="leader-believes-its-whole-lease",
        file="policy/election.py",
        old="return self.asked_at + self.lease_s - self.lease_s * MARGIN",
        new="return self.asked_at + self.lease_s",
        breaks="a leader stops before another one begins, whose clock is slower",
    ),
    Bug(
        name="lease-counted-from-the-answer",
        file="hive/election.py",
        old="self._tenure = self._tenure_of(stands, asked_at)",
        new="self._tenure = self._tenure_of(stands, self._clock.monotonic())",
        breaks="a leader counts from before it asked",
    ),
    Bug(
        name="terms-seen-are-forgotten",
        file="hive/election.py",
        old="self._seen = max(self._seen, term)",
        new="self._seen = min(self._seen, term)",
        breaks="I14 Term: after all that was seen",
    ),
    Bug(
        name="who-was-succeeded-goes-on",
        file="hive/coordinator.py",
        old="            self.elector.depose(mandate)\n",
        new="            pass\n",
        breaks="a write that was refused ends the leadership",
    ),
    Bug(
        name="duties-of-the-deposed-go-on",
        file="hive/coordinator.py",
        old="            await self._stop()\n            self._mandate = None\n",
        new="            self._mandate = None\n",
        breaks="what a leader does ends with its leadership",
    ),
    Bug(
        name="who-leaves-keeps-the-lease",
        file="hive/election.py",
        old="return tenure is not None and await self._terms.resign(tenure.mandate)",
        new="return tenure is not None",
        breaks="who leaves hands over",
    ),
    Bug(
        name="memory-sweep-not-fenced-by-term",
        file="drivers/memory/leases.py",
        old="            fence(changes, mandate)\n            timed_out",
        new="            timed_out",
        breaks="I14 Term: checked in the operation that writes",
    ),
    Bug(
        name="sqlite-term-not-checked",
        file="drivers/sqlite/electing.py",
        old="    if not election.may_act(stands, mandate, incarnation=changes.incarnation):\n"
        "        raise",
        new="    if stands is None:\n        raise",
        breaks="I14 Term: checked in the operation that writes",
    ),
    Bug(
        name="sqlite-duty-of-nobody",
        file="drivers/sqlite/electing.py",
        old="(run.duty, mandate.node, mandate.term, run.result,",
        new="(run.duty, run.node, run.term, run.result,",
        breaks="I14 Term: what was done is told of who did it",
    ),
    Bug(
        name="redis-term-not-checked",
        file="drivers/redis/functions/61_terms.lua",
        old="    and row[2] == mandate.node and tonumber(row[3]) == mandate.term and row[4] == '0'",
        new="    and row[2] == mandate.node and row[4] == '0'",
        breaks="I14 Term: a write under another term is refused",
    ),
    Bug(
        name="redis-term-not-grown",
        file="drivers/redis/functions/61_terms.lua",
        old="local term = math.max(tonumber(row[3] or 0), tonumber(args[4])) + 1",
        new="local term = math.max(tonumber(row[3] or 1), tonumber(args[4]))",
        breaks="I14 Term: it grows strictly",
    ),
    Bug(
        name="redis-leader-resigned-in-vain",
        file="drivers/redis/functions/61_terms.lua",
        old="'resigned', '1', 'expires_at', ctx.stamp)",
        new="'expires_at', ctx.stamp)",
        breaks="I14 Term: a resigned mandate is void",
    ),
    Bug(
        name="redis-reconcile-not-fenced-by-term",
        file="drivers/redis/functions/80_leases.lua",
        old="  local stale = fenced_by_term(args[2])\n  if stale then return stale end\n"
        "  local ctx, mended",
        new="  local ctx, mended",
        breaks="I14 Term: checked in the operation that writes",
    ),
    Bug(
        name="redis-restore-forgets-the-term",
        file="drivers/redis/functions/95_backup.lua",
        old="if key == 'skep:meta' or key == 'swarm:leader' then return false end",
        new="if key == 'skep:meta' then return false end",
        breaks="I14 Term: restores included",
    ),
    Bug(
        name="sqlite-restore-forgets-the-term",
        file="drivers/sqlite/keeping.py",
        old="                    electing.carry_term(Db(old), Db(prepared))\n",
        new="",
        breaks="I14 Term: restores included",
    ),
    # --- nodes and hosts ---
    Bug(
        name="census-strangers-host",
        file="drivers/memory/census.py",
        old="    if known is None or is_absent(known.until, now=changes.at):\n",
        new="    if known is None:\n",
        breaks="I58 Hosts: only who is present hosts and adopts",
    ),
    Bug(
        name="census-two-hosts-adopt-one-swarm",
        file="policy/hosting.py",
        old="        if hosting.node != node:\n            return Fate.SKIP\n",
        new="",
        breaks="I59 Adoption: one winner",
    ),
    Bug(
        name="census-paused-swarms-set-going",
        file="policy/hosting.py",
        old="    if status is SwarmStatus.INTERRUPTED and is_ours:\n",
        new="    if status is SwarmStatus.INTERRUPTED:\n",
        breaks="I59 Adoption: what a person stopped is not set going",
    ),
    Bug(
        name="census-one-missed-beat-is-enough",
        file="policy/hosting.py",
        old="    return now + HEARTBEATS_MISSED_MAX * heartbeat_s\n",
        new="    return now + heartbeat_s\n",
        breaks="I57 Census: absent after three missed beats",
    ),
    Bug(
        name="sqlite-census-left-node-heard",
        file="drivers/sqlite/hosting.py",
        old="FROM node WHERE id = ? AND until <> 0",
        new="FROM node WHERE id = ?",
        breaks="I57 Census: who left is absent",
    ),
    Bug(
        name="sqlite-census-person-forgotten",
        file="drivers/sqlite/hosting.py",
        old="SELECT 1 FROM event WHERE swarm = ? AND seq > ?",
        new="SELECT 1 FROM event WHERE swarm = ? AND seq < ?",
        breaks="I59 Adoption: what a person did after the loss stands",
    ),
    Bug(
        name="sqlite-census-foreground-adopted",
        file="drivers/sqlite/hosting.py",
        old="    if sheet.status in ENDED or not hosting.is_adoptable:\n",
        new="    if sheet.status in ENDED:\n",
        breaks="I58 Hosts: who waits for a person is not adopted",
    ),
    Bug(
        name="lua-census-clock-set-back",
        file="drivers/redis/functions/66_census.lua",
        old="  return till < at or till > at + 2 * census.MISSED_MAX * census.HEARTBEAT_S_MAX\n",
        new="  return till < at\n",
        breaks="I57 Census: a clock set back keeps no dead node present",
    ),
    Bug(
        name="lua-census-two-hosts-adopt-one-swarm",
        file="drivers/redis/functions/66_census.lua",
        old="  if known.state == 'adopting' and known.node ~= node then return false end\n",
        new="",
        breaks="I59 Adoption: one winner",
    ),
    Bug(
        name="lua-census-outlives-its-swarm",
        file="drivers/redis/functions/35_keeping.lua",
        old="  census.forget(id)\n",
        new="",
        breaks="I58 Hosts: a forgotten swarm has no host",
    ),
    Bug(
        name="lua-census-adrift-for-ever",
        file="drivers/redis/functions/66_census.lua",
        old="known.node, id) end\n  local words",
        new="known.node, '') end\n  local words",
        breaks="I58 Hosts: one host each",
    ),
    # --- conflicts ---
    Bug(
        name="votes-without-a-quorum",
        file="policy/conflict.py",
        old="    if cast < asked.quorum:",
        new="    if not cast:",
        breaks="I52 Disputes: a vote needs its quorum",
    ),
    Bug(
        name="priority-of-the-last-named",
        file="policy/conflict.py",
        old="    highest = max(party.priority for party in parties)",
        new="    highest = parties[-1].priority",
        breaks="I52 Disputes: the higher priority wins",
    ),
    Bug(
        name="ties-go-to-the-first-named",
        file="policy/conflict.py",
        old="    if asked.tie is None:\n        raise",
        new="    if asked.tie is None and not leading:\n        raise",
        breaks="I52 Disputes: a tie is settled by its rule or not at all",
    ),
    Bug(
        name="everybody-votes",
        file="policy/conflict.py",
        old="    if ballot.voter not in case.dispute.electorate:",
        new="    if not ballot.voter:",
        breaks="I52 Disputes: only the electorate votes",
    ),
    Bug(
        name="memory-ruled-twice",
        file="policy/conflict.py",
        old="    if case.ruling is not None:\n        return case\n",
        new="",
        breaks="I52 Disputes: a ruling stands",
    ),
    Bug(
        name="sqlite-settled-disputes-stay-open",
        file="drivers/sqlite/docket.py",
        old="db.run(sql, (case_text(case), case.is_open, id_))",
        new="db.run(sql, (case_text(case), 1, id_))",
        breaks="I52 Disputes: what was ruled on is open no more",
    ),
    Bug(
        name="lua-last-ballot-wins-the-race",
        file="drivers/redis/functions/64_disputes.lua",
        old="if (redis.call('HGET', key, 'version') or '0') ~= args[3] then return 0 end",
        new="if args[3] == '' then return 0 end",
        breaks="I52 Disputes: every ballot counts",
    ),
    # --- pools ---
    Bug(
        name="pools-overtaken-by-the-small",
        file="policy/pools.py",
        old="        if each.amount > free:\n            break",
        new="        if each.amount > free:\n            continue",
        breaks="I51 Pools: nobody overtakes who comes first",
    ),
    Bug(
        name="pools-served-youngest-first",
        file="policy/pools.py",
        old="return (-allocation.priority, allocation.number)",
        new="return (-allocation.priority, -allocation.number)",
        breaks="I51 Pools: by priority, then age",
    ),
    Bug(
        name="parts-outlive-their-attempt",
        file="drivers/memory/changes.py",
        old="            self.give_back(self.tables.poolroom.of_task(task.ref), ATTEMPT_OVER)\n",
        new="",
        breaks="I51 Pools: an attempt that is over holds nothing",
    ),
    Bug(
        name="pools-shrink-under-who-waits",
        file="policy/pools.py",
        old="    wanted = max([state.allocated, *(each.amount for each in state.queued)])",
        new="    wanted = state.allocated",
        breaks="I51 Pools: nobody waits for what cannot be",
    ),
    Bug(
        name="sqlite-parts-outlive-their-swarm",
        file="drivers/sqlite/changes.py",
        old="            if sheet.holds:\n                self.give_back(OF_A_SWARM",
        new="            if not sheet.holds:\n                self.give_back(OF_A_SWARM",
        breaks="I51 Pools: a swarm that has ended holds nothing",
    ),
    Bug(
        name="sqlite-who-leaves-the-queue-gives-back",
        file="drivers/sqlite/pooling.py",
        old="        if gone.state is AllocationState.HELD:",
        new="        if gone.amount:",
        breaks="I51 Pools: the sum of what is held is what is held",
    ),
    Bug(
        name="sqlite-nobody-served-after",
        file="drivers/sqlite/pooling.py",
        old="        told += serve(db, name)\n    return told\n\n\ndef serve",
        new="        del name\n    return told\n\n\ndef serve",
        breaks="I51 Pools: who waits is served by what comes back",
    ),
    Bug(
        name="lua-parts-outlive-their-attempt",
        file="drivers/redis/functions/30_changes.lua",
        old="    pools.end_attempt(ctx, s, task)\n",
        new="",
        breaks="I51 Pools: an attempt that is over holds nothing",
    ),
    Bug(
        name="lua-two-swarms-have-a-pool-for-one",
        file="drivers/redis/functions/62_pools.lua",
        old="        if not is_shared then owner = a.swarm end\n",
        new="",
        breaks="I51 Pools: a pool that is not shared has one holder",
    ),
    Bug(
        name="lua-stale-token-holds",
        file="drivers/redis/functions/62_pools.lua",
        old="if ask.token and not current(",
        new="if ask.token and not (function() return true end)(",
        breaks="I51 Pools: only who has the task asks for it",
    ),
    Bug(
        name="lua-release-gives-nothing-back",
        file="drivers/redis/functions/62_pools.lua",
        old="    redis.call('HINCRBY', pool_key(a.pool), 'held', '-' .. a.amount)\n",
        new="",
        breaks="I51 Pools: what comes back is there for others",
    ),
    # --- moving what was placed ---
    Bug(
        name="moved-tasks-fail-their-swarm",
        file="drivers/memory/changes.py",
        old="and not is_moved(row.status, row.reason)",
        new="and row.ref.swarm",
        breaks="I50 Placement: a swarm does not fail for what it gave away",
    ),
    Bug(
        name="moved-tasks-are-retried",
        file="policy/reopening.py",
        old="if not is_moved(task.status, task.reason)}",
        new="if task.status}",
        breaks="I50 Placement: what was moved is in one swarm",
    ),
    Bug(
        name="tasks-moved-against-their-placement",
        file="policy/placement.py",
        old="    return choice.placement is Placement.LEAST_LOADED",
        new="    return choice.placement is not Placement.CAPABILITY",
        breaks="I50 Placement: by priority a task is where it was meant to be",
    ),
    Bug(
        name="sqlite-begun-tasks-are-moved",
        file="drivers/sqlite/shifting.py",
        old="t.status = 'ready' AND t.attempt = 0 AND",
        new="t.status = 'ready' AND",
        breaks="I50 Placement: only what nobody began is moved",
    ),
    Bug(
        name="sqlite-command-stays-behind",
        file="drivers/sqlite/shifting.py",
        old='sql = "UPDATE placed SET swarm = ?, told = ? WHERE command = ?"',
        new='sql = "UPDATE placed SET swarm = ?, told = coalesce(told, ?) WHERE command = ?"',
        breaks="I50 Placement: the command tells where a task is",
    ),
    Bug(
        name="lua-moved-in-a-void-term",
        file="drivers/redis/functions/63_placing.lua",
        old="    if stale then return stale end\n    local answers = {}\n    for i = 3",
        new="    if not args then return stale end\n    local answers = {}\n    for i = 3",
        breaks="I14 Term: a shift under a void mandate is refused",
    ),
    Bug(
        name="lua-moved-contents-left-behind",
        file="drivers/redis/functions/63_placing.lua",
        old="    return type(digest) == 'string' and {digest} or {}",
        new="    return type(digest) == 'number' and {digest} or {}",
        breaks="I31 Retention: a moved task refers to its content",
    ),
    Bug(
        name="lua-moved-tasks-fail-their-swarm",
        file="drivers/redis/functions/30_changes.lua",
        old="    if is_bad and not placing.is_moved(row[1], row[2]) then",
        new="    if is_bad then",
        breaks="I50 Placement: a swarm does not fail for what it gave away",
    ),
    # --- placement ---
    Bug(
        name="placed-by-the-number-of-tasks",
        file="records/placement.py",
        old="return self.busy / self.slots",
        new="return float(self.busy)",
        breaks="I50 Placement: the load is a share of the slots",
    ),
    Bug(
        name="round-robin-counts-from-the-start",
        file="policy/placement.py",
        old="last is not None and each.swarm <= last",
        new="last == each.swarm",
        breaks="I50 Placement: each swarm has its turn",
    ),
    Bug(
        name="capabilities-add-up",
        file="policy/placement.py",
        old="asked.needs <= candidate.skills",
        new="bool(asked.needs & candidate.skills)",
        breaks="I50 Placement: a swarm has all that is needed",
    ),
    Bug(
        name="paused-swarms-are-open",
        file="policy/placement.py",
        old="return status is SwarmStatus.ACTIVE and not sealed",
        new="return not sealed",
        breaks="I50 Placement: nothing is placed where it cannot run",
    ),
    Bug(
        name="distributed-twice",
        file="drivers/memory/placing.py",
        old="    if known is not None:\n        return _again",
        new="    if known is not None and asked.digest != known[0]:\n        return _again",
        breaks="I50 Placement: the same command places once",
    ),
    Bug(
        name="sqlite-batch-placed-blindly",
        file="drivers/sqlite/siting.py",
        old="    changes.flush()  # the next task of this call is to see this one",
        new="    changes.topics.add(choice.swarm)",
        breaks="I50 Placement: tasks that come together see each other",
    ),
    Bug(
        name="sqlite-looks-at-one-crew",
        file="drivers/sqlite/siting.py",
        old="        crew = db.row(NEXT_CREW, crew)\n",
        new="        crew = None\n",
        breaks="I50 Placement: every crew is looked at",
    ),
    Bug(
        name="sqlite-turn-forgotten",
        file="drivers/sqlite/siting.py",
        old="    if choice.placement is Placement.ROUND_ROBIN:",
        new="    if choice.placement is Placement.PRIORITY:",
        breaks="I50 Placement: the last chosen swarm is remembered",
    ),
    Bug(
        name="lua-open-swarms-not-noted",
        file="drivers/redis/functions/30_changes.lua",
        old="if s.sealed ~= '1' or s.stored.sealed ~= '1' then placing.note(s) end",
        new="if s.sealed ~= '1' then placing.note(s) end",
        breaks="I50 Placement: a sealed swarm is not open",
    ),
    Bug(
        name="lua-placed-by-load-alone",
        file="drivers/redis/functions/63_placing.lua",
        old="    if a.priority ~= b.priority then return a.priority > b.priority end\n",
        new="",
        breaks="I50 Placement: the highest priority comes first",
    ),
    Bug(
        name="lua-load-without-what-runs",
        file="drivers/redis/functions/63_placing.lua",
        old="return (ready + running) / cap end",
        new="return ready / cap end",
        breaks="I50 Placement: what runs is a load",
    ),
    Bug(
        name="lua-choice-not-kept",
        file="drivers/redis/functions/63_placing.lua",
        old="    redis.call('SET', 'skep:placed:' .. ask.command, told, 'EX', COMMAND_TTL_S)\n",
        new="",
        breaks="I50 Placement: the same command tells where the task is",
    ),
    # --- finding and keeping ---
    Bug(
        name="directory-archives-what-went-on",
        file="drivers/memory/directory.py",
        old=" or len(row.events) != record.seq:",
        new=":",
        breaks="I62 Archive: a swarm that went on is not archived",
    ),
    Bug(
        name="directory-forgets-the-forgotten",
        file="drivers/memory/retention.py",
        old="    tables.tallies[Tally.FORGOTTEN] += 1\n",
        new="",
        breaks="I61 Figures: all that were ever registered",
    ),
    Bug(
        name="sqlite-directory-pages-overlap",
        file="drivers/sqlite/directory.py",
        old='[*where, "id < ?"]',
        new='[*where, "id <= ?"]',
        breaks="I60 Directory: each swarm once",
    ),
    Bug(
        name="sqlite-directory-archives-unasked",
        file="drivers/sqlite/directory.py",
        old="FROM swarm JOIN departed ON departed.swarm = swarm.n",
        new="FROM swarm LEFT JOIN departed ON departed.swarm = swarm.n",
        breaks="I62 Archive: only what somebody deregistered",
    ),
    Bug(
        name="lua-directory-old-status-stands",
        file="drivers/redis/functions/66_directory.lua",
        old="  redis.call('ZREM', 'skep:by:status:' .. s.was, s.id)\n",
        new="",
        breaks="I60 Directory: a swarm is found where it stands now",
    ),
    Bug(
        name="lua-directory-keeps-the-forgotten",
        file="drivers/redis/functions/35_keeping.lua",
        old="  census.unlist(id)\n",
        new="",
        breaks="I60 Directory: a forgotten swarm is found nowhere",
    ),
    Bug(
        name="lua-directory-any-of-what-is-named",
        file="drivers/redis/functions/66_directory.lua",
        old="  for i = 2, #keys do\n",
        new="  for i = 3, #keys do\n",
        breaks="I60 Directory: all that a filter names",
    ),
    # --- messages ---
    Bug(
        name="mail-line-jumped",
        file="drivers/memory/mailroom.py",
        old="return (line[0] for line in self.lines[agent].values())",
        new="return (row for line in self.lines[agent].values() for row in line)",
        breaks="I26 Inbox: in order per sender",
    ),
    Bug(
        name="mail-any-token-counts",
        file="policy/mailing.py",
        old="if not is_same or state is MessageState.DEAD:",
        new="if state is MessageState.DEAD:",
        breaks="I26 Inbox: who holds a message proves it",
    ),
    Bug(
        name="mail-dies-under-a-lease",
        file="policy/mailing.py",
        old="return max(expires, due_at if state is MessageState.TAKEN else expires) <= now",
        new="return expires <= now",
        breaks="I26 Inbox: delivered until acknowledged",
    ),
    Bug(
        name="mail-failures-not-counted",
        file="drivers/memory/mailbox.py",
        old="row.tries -= 0 if returned.is_failure else 1",
        new="row.tries -= 1",
        breaks="I26 Inbox: dead after its tries",
    ),
    Bug(
        name="sqlite-mail-line-jumped",
        file="drivers/sqlite/postroom.py",
        old="            int(before is None),\n",
        new="            1,\n",
        breaks="I26 Inbox: in order per sender",
    ),
    Bug(
        name="sqlite-mail-line-stuck",
        file="drivers/sqlite/postroom.py",
        old="    if after is not None:\n",
        new="    if after is not None and line.state is MessageState.TAKEN:\n",
        breaks="I26 Inbox: the next one after a dead one",
    ),
    Bug(
        name="sqlite-mail-returned-token-counts",
        file="drivers/sqlite/postroom.py",
        old="state = 'waiting', tries = ?, nonce = '', reason",
        new="state = 'waiting', tries = ?, reason",
        breaks="I26 Inbox: who holds a message proves it",
    ),
    Bug(
        name="sqlite-mail-history-unbounded",
        file="drivers/sqlite/postroom.py",
        old='        changes.db.run_many("DELETE FROM message WHERE n = ?", gone)\n',
        new="",
        breaks="I29 Bounds: what is kept of messages",
    ),
    Bug(
        name="lua-mail-line-jumped",
        file="drivers/redis/functions/58_mail.lua",
        old="  if mail.first(m) == m.n then mail.head(ctx, m) end\n",
        new="  mail.head(ctx, m)\n",
        breaks="I26 Inbox: in order per sender",
    ),
    Bug(
        name="lua-mail-any-nonce-counts",
        file="drivers/redis/functions/58_mail.lua",
        old="token.nonce == '' or token.nonce ~= m.nonce or",
        new="token.nonce == '' or",
        breaks="I26 Inbox: who holds a message proves it",
    ),
    Bug(
        name="lua-mail-dies-under-a-lease",
        file="drivers/redis/functions/58_mail.lua",
        old="  if m.state == 'taken' then dies_at = math.max(dies_at, tonumber(m.due_at)) end\n",
        new="",
        breaks="I26 Inbox: delivered until acknowledged",
    ),
    Bug(
        name="lua-mail-full-inbox-takes-more",
        file="drivers/redis/functions/58_mail.lua",
        old="  if mail.held(ctx, ask.swarm, ask.agent, 0) >= INBOX_MAX then return {'FULL'} end\n",
        new="",
        breaks="I29 Bounds: a full inbox refuses",
    ),
    Bug(
        name="lua-mail-outlives-its-swarm",
        file="drivers/redis/functions/35_keeping.lua",
        old="  mail.forget(id)\n",
        new="",
        breaks="I31 Retention: a swarm takes its messages along",
    ),
    Bug(
        name="lua-mail-unindexed-by-restore",
        file="drivers/redis/functions/95_backup.lua",
        old="  mail.index(side, id)\n",
        new="",
        breaks="I30 Snapshot: messages come back",
    ),
    Bug(
        name="postman-acknowledges-failures",
        file="hive/postman.py",
        old="self._returned.append(Return(token=delivery.token, reason=reason, delay_s=rest))",
        new="self._acknowledged.append(delivery.token)",
        breaks="I26 Inbox: delivered until handled",
    ),
    Bug(
        name="postman-forgets-what-was-not-heard",
        file="hive/postman.py",
        old="                self._acknowledged[:0], self._returned[:0] = done, back\n",
        new="                del done, back\n",
        breaks="I26 Inbox: an acknowledgement is told until it is heard",
    ),
    Bug(
        name="answers-go-to-the-whole-swarm",
        file="hive/messenger.py",
        old="reply_to=self._answers))",
        new="reply_to=self.address))",
        breaks="an answer reaches who asked",
    ),
    # --- retention, and keeping ---
    Bug(
        name="lost-calls-given-back",
        file="policy/purse.py",
        old="    purse, step = _charge(_closed(purse, lost), step, lost)\n",
        new="    purse, step = _closed(purse, lost), replace(step, reserved=None)\n",
        breaks="I24 Budget: what nobody can settle is spent",
    ),
    Bug(
        name="reservations-not-counted",
        file="policy/purse.py",
        old="total = purse.spent + purse.reserved + amount + kept",
        new="total = purse.spent + amount + kept",
        breaks="I24 Budget",
    ),
    Bug(
        name="sqlite-attempt-leaves-its-reservation",
        file="drivers/sqlite/changes.py",
        old="if line.status is TaskStatus.RUNNING and sheet.has_purse",
        new="if line.status is TaskStatus.BLOCKED and sheet.has_purse",
        breaks="I24 Budget: no attempt ends with a reservation",
    ),
    Bug(
        name="lua-lost-calls-given-back",
        file="drivers/redis/functions/32_purse.lua",
        old="  charge(p, step, held, '')\n",
        new="",
        breaks="I24 Budget: what nobody can settle is spent",
    ),
    Bug(
        name="lua-reservations-not-counted",
        file="drivers/redis/functions/32_purse.lua",
        old="plus(plus(p.spent, p.reserved, 1), amount, 1)",
        new="plus(p.spent, amount, 1)",
        breaks="I24 Budget",
    ),
    Bug(
        name="lua-purse-loses-digits",
        file="drivers/redis/functions/32_purse.lua",
        old="return string.format('%.0f', x)",
        new="return cjson.encode(x)",
        breaks="I24 Budget: to the last digit",
    ),
    # --- gates ---
    Bug(
        name="rates-counted-without-their-burst",
        file="policy/admission.py",
        old="    return stretch_s / (rate.most + 1 - burst_of(rate))\n",
        new="    return rate.per_s / (2 * rate.most)\n",
        breaks="I41 Gates",
    ),
    Bug(
        name="turns-promised-to-all-at-once",
        file="policy/admission.py",
        old="turn = max(_turn(gate, toll), meter.promised_until)",
        new="turn = _turn(gate, toll)",
        breaks="I41 Gates: turns one after the other",
    ),
    Bug(
        name="dead-passes-count-for-ever",
        file="policy/admission.py",
        old="passes=tuple(each for each in gate.passes if now < each.until))\n\n\ndef _closed",
        new="passes=gate.passes)\n\n\ndef _closed",
        breaks="I41 Gates: places of the dead are free",
    ),
    Bug(
        name="everybody-is-the-probe",
        file="policy/breaker.py",
        old="is_tried = breaker.probe and now < breaker.probe_until",
        new="is_tried = breaker.probe and now > breaker.probe_until",
        breaks="I42 Breaker: one probe",
    ),
    Bug(
        name="old-requests-close-a-breaker",
        file="policy/breaker.py",
        old="if not request or request != breaker.probe:",
        new="if not request:",
        breaks="I42 Breaker",
    ),
    Bug(
        name="rests-kept-to-oneself",
        file="agent/gatekeeping.py",
        old="rest_s=rest_s if name == whose else None",
        new="rest_s=None",
        breaks="I43 Rest: known to all processes",
    ),
    Bug(
        name="cancelled-requests-keep-their-place",
        file="agent/asking.py",
        old="                await _abandon(entry)\n",
        new="",
        breaks="I41 Gates: places are freed",
    ),
    Bug(
        name="every-request-looks-at-the-gates",
        file="agent/gatekeeping.py",
        old="if self.seen_at is None or at - self.seen_at >= SIGHT_S:",
        new="if self.seen_at is None or at >= self.seen_at:",
        breaks="requests without limits cost no call",
    ),
    Bug(
        name="sqlite-passes-not-kept",
        file="drivers/sqlite/passing.py",
        old="    new = [each for each in gate.passes if each.id not in known]\n",
        new="    new = [each for each in gate.passes if each.id in known]\n",
        breaks="I41 Gates",
    ),
    Bug(
        name="lua-pays-at-the-first-gate-only",
        file="drivers/redis/functions/57_gates.lua",
        old="  for i, gate in ipairs(gates) do hold_up(",
        new="  for i, gate in ipairs({gates[1]}) do hold_up(",
        breaks="I41 Gates: all or none",
    ),
    Bug(
        name="lua-gates-lose-digits",
        file="drivers/redis/functions/57_gates.lua",
        old="args[#args + 1] = num(gate[field])",
        new="args[#args + 1] = tostring(gate[field])",
        breaks="I43 Rest: to the last digit",
    ),
    Bug(
        name="lua-shorter-rest-stands",
        file="drivers/redis/functions/57_gates.lua",
        old="math.max(gate.rest_until, at + told.rest_s)",
        new="at + told.rest_s",
        breaks="I43 Rest: the latest word",
    ),
    Bug(
        name="lua-two-probes",
        file="drivers/redis/functions/57_gates.lua",
        old="gate.probe, gate.probe_until = knock.id, at + gating.PROBE_S",
        new="gate.probe, gate.probe_until = knock.id, at",
        breaks="I42 Breaker: one probe",
    ),
    Bug(
        name="lua-report-taken-in-twice",
        file="drivers/redis/functions/57_gates.lua",
        old="  if told.id == '' or pass then\n",
        new="  if pass or told.id then\n",
        breaks="I41 Gates: a report is taken in once",
    ),
    # --- telling ---
    Bug(
        name="told-twice-under-a-number",
        file="policy/telling.py",
        old="    number = held + 1\n",
        new="    number = max(held, 1)\n",
        breaks="I44 Told: numbered without a gap",
    ),
    Bug(
        name="ended-swarm-told",
        file="drivers/memory/steering.py",
        old="    if swarm.status in ENDED:\n        raise closed(",
        new="    if swarm.status is None:\n        raise closed(",
        breaks="I44 Told: an ended swarm takes none",
    ),
    Bug(
        name="sqlite-journal-tells-nobody",
        file="drivers/sqlite/telling.py",
        old='changes.db.run("UPDATE swarm SET told = ? WHERE n = ?", (told.number, sheet.n))',
        new='changes.db.run("UPDATE swarm SET told = ? WHERE n = ?", (0, sheet.n))',
        breaks="I44 Told: answers count the messages",
    ),
    Bug(
        name="sqlite-messages-outlive-their-swarm",
        file="drivers/sqlite/retention.py",
        old='    ("told", "swarm, number", "swarm"),\n',
        new="",
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-grant-tells-nothing",
        file="drivers/sqlite/claiming.py",
        old="        told=ready.told,\n",
        new="",
        breaks="I44 Told: each grant counts the messages",
    ),
    Bug(
        name="lua-opens-over-peoples-heads",
        file="drivers/redis/functions/90_journal.lua",
        old="if ask.told and redis.call",
        new="if false and redis.call",
        breaks="I44 Told: nothing is opened over the head of a message",
    ),
    Bug(
        name="lua-journal-tells-nobody",
        file="drivers/redis/functions/90_journal.lua",
        old="table.insert(answer, 2, redis.call('LLEN', base(task.id) .. ':told'))",
        new="table.insert(answer, 2, 0)",
        breaks="I44 Told: answers count the messages",
    ),
    Bug(
        name="lua-message-not-in-the-log",
        file="drivers/redis/functions/65_telling.lua",
        old="  move_swarm(ctx, s, 'swarm.told', '{' .. told)\n",
        new="",
        breaks="I44 Told",
    ),
    Bug(
        name="lua-no-end-of-messages",
        file="drivers/redis/functions/65_telling.lua",
        old="if number > TOLD_MAX then",
        new="if number > 2 * TOLD_MAX then",
        breaks="I29 Bounds",
    ),
    Bug(
        name="lua-messages-outlive-their-swarm",
        file="drivers/redis/functions/35_keeping.lua",
        old="'approvals', 'told',",
        new="'approvals',",
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-grant-of-the-first-budget",
        file="drivers/sqlite/claiming.py",
        old="limits=limits_of(ready.held)",
        new="limits=limits_of(None)",
        breaks="I24 Budget: a grant tells the budget as it stands",
    ),
    Bug(
        name="lua-grant-of-the-first-budget",
        file="drivers/redis/functions/50_claiming.lua",
        old="found[#found + 1] = row[2] or ''",
        new="found[#found + 1] = ''",
        breaks="I24 Budget: a grant tells the budget as it stands",
    ),
    Bug(
        name="grant-keeps-the-first-limits",
        file="records/purse.py",
        old="    if limits == limits_text(budget or UNLIMITED):\n",
        new="    if budget:\n",
        breaks="I24 Budget: a grant tells the budget as it stands",
    ),
    Bug(
        name="live-swarm-forgotten",
        file="policy/retention.py",
        old="return status in ENDED and ended_at is not None and ended_at < before",
        new="return ended_at is None or ended_at < before",
        breaks="I31 Retention",
    ),
    Bug(
        name="lua-live-swarm-forgotten",
        file="drivers/redis/functions/35_keeping.lua",
        old="if not ENDED[row[1]] or tonumber(row[2]) >= before then",
        new="if ENDED[row[1]] and tonumber(row[2]) >= before then",
        breaks="I31 Retention",
    ),
    Bug(
        name="lua-half-a-swarm-stays",
        file="drivers/redis/functions/35_keeping.lua",
        old="  redis.call('DEL', base(id), base(id) .. ':cmds')\n",
        new="  redis.call('DEL', base(id) .. ':cmds')\n",
        breaks="I31 Retention: gone at once",
    ),
    Bug(
        name="lua-forgotten-task-still-granted",
        file="drivers/redis/functions/35_keeping.lua",
        old="  if redis.call('EXISTS', base(token.swarm)) == 0 then return false end\n",
        new="",
        breaks="I9 Fence",
    ),
    Bug(
        name="lua-content-in-use-dropped",
        file="drivers/redis/functions/35_keeping.lua",
        old="    redis.call('SADD', 'skep:users:' .. digest, id)\n    redis.call('ZREM'",
        new="    redis.call('SADD', 'skep:users:' .. digest, id)\n    redis.call('ZSCORE'",
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-outcome-keeps-nothing",
        file="drivers/sqlite/settling.py",
        old="        refer(changes, line.swarm, contents)\n",
        new="",
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-number-given-out-again",
        file="drivers/sqlite/submitting.py",
        old='" coalesce((SELECT max(swarm) FROM leaving), 0)) + 1"',
        new='" 0) + 1"',
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-reference-to-nothing",
        file="drivers/sqlite/journal.py",
        old="    if missing(changes, digests):\n",
        new="    if False:\n",
        breaks="I31 Retention",
    ),
    Bug(
        name="sqlite-restore-keeps-the-incarnation",
        file="drivers/sqlite/keeping.py",
        old="""\"UPDATE meta SET value = ? WHERE name = 'incarnation'\", (incarnation,)""",
        new="""\"UPDATE meta SET value = value WHERE name = ?\", (incarnation,)""",
        breaks="I15 Incarnation",
    ),
    Bug(
        name="sqlite-restore-leaves-holders",
        file="drivers/sqlite/keeping.py",
        old='TaskMove.HAND_BACK, told={**told}, nonce="", reason=RESTORED)',
        new="TaskMove.LOSE, told={**told}, reason=RESTORED)",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="lua-restore-keeps-the-incarnation",
        file="drivers/redis/functions/95_backup.lua",
        old="'incarnation', args[3], 'unmended', 1)",
        new="'unmended', 1)",
        breaks="I15 Incarnation",
    ),
    Bug(
        name="lua-restore-forgets-timers",
        file="drivers/redis/functions/95_backup.lua",
        old="if row[1] == 'sleeping' then",
        new="if row[1] == 'snoozing' then",
        breaks="I6 No lost task",
    ),
    # --- Redis: the functions ---
    Bug(
        name="lua-nonce-ignored",
        file="drivers/redis/functions/20_fence.lua",
        old="token.nonce == task.nonce and ",
        new="",
        breaks="I9 Fence",
    ),
    Bug(
        name="lua-fence-off",
        file="drivers/redis/functions/20_fence.lua",
        old="same_grant(ctx, task, token) and task.spent == '' and task.status == 'running'",
        new="task and true",
        breaks="I9 Fence",
    ),
    Bug(
        name="lua-edge-never-met",
        file="drivers/redis/functions/30_changes.lua",
        old="    redis.call('ZREM', open, key)\n",
        new="",
        breaks="I3 Edge once",
    ),
    Bug(
        name="lua-released-too-early",
        file="drivers/redis/functions/30_changes.lua",
        old="elseif down.unmet == 0 then\n      release(ctx, down, {unmet = 0})",
        new="elseif down.unmet <= 1 then\n      release(ctx, down, {unmet = down.unmet})",
        breaks="I2 Readiness",
    ),
    Bug(
        name="lua-cap-ignored",
        file="drivers/redis/functions/10_rows.lua",
        old="s.status == 'active' and s.cap - s.counts.running > 0",
        new="s.status == 'active'",
        breaks="I4 One entry",
    ),
    Bug(
        name="lua-drain-forgotten",
        file="drivers/redis/functions/30_changes.lua",
        old="redis.call('ZADD', 'skep:drains', 0, ref(up))",
        new="redis.call('ZREM', 'skep:drains', ref(up))",
        breaks="I6 No lost task",
    ),
    Bug(
        name="lua-lease-outlives-the-task",
        file="drivers/redis/functions/30_changes.lua",
        old="later(ctx, 'ZREM', 'skep:leases', member)",
        new="later(ctx, 'ZSCORE', 'skep:leases', member)",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="lua-cascade-stops",
        file="drivers/redis/functions/30_changes.lua",
        old="      ended[#ended + 1] = down\n",
        new="",
        breaks="I6 No lost task",
    ),
    Bug(
        name="lua-everybody-weighs-the-same",
        file="drivers/redis/functions/48_dealing.lua",
        old="math.floor(STRIDE / WEIGHTS[s.priority + 1])",
        new="STRIDE",
        breaks="Work.claim: fair virtual time",
    ),
    Bug(
        name="lua-lease-past-the-deadline",
        file="drivers/redis/functions/50_claiming.lua",
        old="math.min(ctx.at + math.min(offer.lease_s, LEASE_S_MAX), hard)",
        new="ctx.at + math.min(offer.lease_s, LEASE_S_MAX)",
        breaks="I13 Hard deadline",
    ),
    Bug(
        name="lua-kind-ignored",
        file="drivers/redis/functions/50_claiming.lua",
        old="not offer.queues[queue] or not offer.kinds[kind]",
        new="not offer.queues[queue]",
        breaks="Work.claim: what the offer can run",
    ),
    Bug(
        name="lua-settled-twice",
        file="drivers/redis/functions/60_settling.lua",
        old=(
            "  if task.spent ~= '' then return task.spent == digest and 'already' "
            "or 'conflict' end\n"
        ),
        new="",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="lua-failure-not-counted",
        file="drivers/redis/functions/60_settling.lua",
        old="columns.failures = task.failures + 1",
        new="columns.failures = task.failures",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="lua-cancel-spares-what-runs",
        file="drivers/redis/functions/70_steering.lua",
        old="    if status and not TERMINAL[status] then\n      local member",
        new="    if status and not TERMINAL[status] and status ~= 'running' then\n"
        "      local member",
        breaks="I27 Cancel",
    ),
    Bug(
        name="lua-order-name-ignored",
        file="drivers/redis/functions/70_steering.lua",
        old="local known = has_command and known_command(ask.command, ask.digest)",
        new="local known = nil",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="lua-so-already-forgotten",
        file="drivers/redis/functions/70_steering.lua",
        old="if is_so_already and not has_command then return",
        new="if is_so_already then return",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="lua-given-up-is-no-letter",
        file="drivers/redis/functions/30_changes.lua",
        old="if after == 'failed' then redis.call('ZADD', 'skep:dead'",
        new="if how == 'task.failed' then redis.call('ZADD', 'skep:dead'",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="lua-letters-not-rebuilt",
        file="drivers/redis/functions/80_leases.lua",
        old="  mend_dead(ctx, ids)\n",
        new="",
        breaks="I5 Rebuildable",
    ),
    Bug(
        name="lua-replay-of-the-living",
        file="drivers/redis/functions/70_steering.lua",
        old="if ask.is_replay and not DEAD[status] then",
        new="if ask.is_replay and status == 'running' then",
        breaks="Work.steer: TaskNotDead",
    ),
    Bug(
        name="lua-loss-keeps-the-token",
        file="drivers/redis/functions/80_leases.lua",
        old="{failures = failures, nonce = '', reason = reason}",
        new="{failures = failures, reason = reason}",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="lua-lost-for-ever",
        file="drivers/redis/functions/80_leases.lua",
        old="failures >= task.attempts_max and 'task.given_up' or 'task.lost'",
        new="'task.lost'",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="lua-once-is-repeated",
        file="drivers/redis/functions/90_journal.lua",
        old="  if step.effect == 'once' then",
        new="  if step.effect == 'never' then",
        breaks="I23 Effect class",
    ),
    Bug(
        name="lua-last-value-wins",
        file="drivers/redis/functions/90_journal.lua",
        old="  if step.state == 'open' then\n    if missing(ask.blobs) then",
        new="  if step.state ~= 'unknown' then\n    if missing(ask.blobs) then",
        breaks="I19 Write once",
    ),
    Bug(
        name="lua-any-question-gets-the-answer",
        file="drivers/redis/functions/90_journal.lua",
        old=(
            "  if step.fingerprint ~= ask.fingerprint then return {'diverged'} "
            "end\n  if step.state == 'recorded' then"
        ),
        new="  if step.state == 'recorded' then",
        breaks="I20 Fingerprint",
    ),
    Bug(
        name="lua-decision-wakes-nobody",
        file="drivers/redis/functions/55_approvals.lua",
        old="if task.status == 'blocked' and is_awaited(task, approval.id) then",
        new="if false then",
        breaks="I39 First decision",
    ),
    Bug(
        name="lua-decision-before-settlement-lost",
        file="drivers/redis/functions/55_approvals.lua",
        old="  if is_decided then move(ctx, task, 'task.woken', '{}') end\n",
        new="",
        breaks="I39 First decision",
    ),
    Bug(
        name="lua-withdrawn-is-decided",
        file="drivers/redis/functions/55_approvals.lua",
        old=(
            "  if is_withdrawn(approval, task) then return "
            "{'WITHDRAWN', approval.swarm, approval.task} end\n"
        ),
        new="",
        breaks="I40 Withdrawn",
    ),
    Bug(
        name="lua-any-question-gets-the-decision",
        file="drivers/redis/functions/55_approvals.lua",
        old="elseif approval.fingerprint ~= ask.fingerprint then",
        new="elseif false then",
        breaks="I38 Asked once",
    ),
    # --- SQLite: approvals ---
    Bug(
        name="decision-not-recorded",
        file="drivers/sqlite/approving.py",
        old="UPDATE step SET state = 'recorded', value = ? WHERE",
        new="UPDATE step SET state = 'open', value = NULL WHERE ? <> '' AND",
        breaks="I39 First decision",
    ),
    Bug(
        name="expiry-wakes-the-withdrawn",
        file="drivers/sqlite/approving.py",
        old='f" AND NOT {questions.IS_OVER} ORDER BY',
        new='f" ORDER BY',
        breaks="I40 Withdrawn",
    ),
    Bug(
        name="awaits-the-questions-of-others",
        file="drivers/sqlite/approving.py",
        old='WHERE id = ? AND task = ? AND run = ?"',
        new='WHERE id = ? AND ? AND ?"',
        breaks="I39 First decision",
    ),
    # --- Memory and policy: approvals ---
    Bug(
        name="expiry-forgotten",
        file="drivers/memory/approvals.py",
        old="    for approval in due[:limit]:\n        _conclude(changes",
        new="    for approval in due[:0]:\n        _conclude(changes",
        breaks="Leases.sweep: expiries",
    ),
    Bug(
        name="second-decision-overwrites",
        file="policy/approving.py",
        old="    if approval.decision is not None:\n        return judge_second",
        new="    if approval.decision is None and reply.by == '':\n        return judge_second",
        breaks="I39 First decision",
    ),
    Bug(
        name="question-fingerprint-ignored",
        file="policy/approving.py",
        old="    if approval.fingerprint != ask.fingerprint:\n        return AskVerdict.DIVERGED\n",
        new="",
        breaks="I38 Asked once",
    ),
    Bug(
        name="worker-answers-itself",
        file="policy/bounds.py",
        old="    if key.startswith(ASKED):\n",
        new="    if key == ASKED:\n",
        breaks="I39 First decision",
    ),
    # --- SQLite: plans and edges ---
    Bug(
        name="edge-never-met",
        file="drivers/sqlite/changes.py",
        old="UPDATE edge SET met = 1 WHERE up = ? AND down = ?",
        new="UPDATE edge SET met = met WHERE up = ? AND down = ?",
        breaks="I3 Edge once",
    ),
    Bug(
        name="edge-met-twice",
        file="drivers/sqlite/changes.py",
        old="SELECT down FROM edge WHERE up = ? AND met = 0 ORDER BY down LIMIT ?",
        new="SELECT down FROM edge WHERE up = ? ORDER BY down LIMIT ?",
        breaks="I3 Edge once",
    ),
    Bug(
        name="released-too-early",
        file="drivers/sqlite/changes.py",
        old="down.unmet == 0:\n                self.release(down, unmet=0)",
        new="down.unmet <= 1:\n                self.release(down, unmet=down.unmet)",
        breaks="I2 Readiness",
    ),
    Bug(
        name="drain-forgotten",
        file="drivers/sqlite/changes.py",
        old='self.db.run("INSERT OR IGNORE INTO drain VALUES (?, ?)", (up.n, up.swarm))',
        new="del left",
        breaks="I6 No lost task",
    ),
    Bug(
        name="cascade-stops",
        file="drivers/sqlite/changes.py",
        old="                ended.append(down)\n",
        new="",
        breaks="I6 No lost task",
    ),
    Bug(
        name="swarm-never-ends-on-loss",
        file="drivers/sqlite/leases.py",
        old="changes.consume_edges(line)\n        changes.end_if_over(changes.sheet(line.swarm))",
        new="changes.consume_edges(line)",
        breaks="I6 No lost task",
    ),
    Bug(
        name="spawn-joins-nobody",
        file="drivers/sqlite/submitting.py",
        old="        _join(changes, spawner, lines)",
        new="        pass",
        breaks="Addition: dependents wait for what was spawned",
    ),
    # --- SQLite: queue and counters ---
    Bug(
        name="room-ignored-in-the-ring",
        file="drivers/sqlite/changes.py",
        old="may = takes_grants(sheet.status) and sheet.room > 0",
        new="may = takes_grants(sheet.status)",
        breaks="I4 One entry",
    ),
    Bug(
        name="claim-keeps-the-entry",
        file="drivers/sqlite/claiming.py",
        old="    seat.ready -= 1\n",
        new="",
        breaks="I4 One entry",
    ),
    Bug(
        name="claim-forgets-to-count",
        file="drivers/sqlite/claiming.py",
        old="    sheet.counts[TaskStatus.READY] -= 1\n",
        new="",
        breaks="I7 Conservation",
    ),
    Bug(
        name="reconcile-trusts-what-is-missing",
        file="drivers/sqlite/leases.py",
        old="coalesce(max(seat.ready), 0)",
        new="coalesce(max(seat.ready), count(*))",
        breaks="I5 Rebuildable",
    ),
    Bug(
        name="cap-ignored",
        file="drivers/sqlite/claiming.py",
        old="s.cap - s.running",
        new="s.cap",
        breaks="I29 Bounds",
    ),
    Bug(
        name="age-before-priority",
        file="drivers/sqlite/claiming.py",
        old="ORDER BY t.priority DESC, t.ordinal LIMIT ?",
        new="ORDER BY t.ordinal LIMIT ?",
        breaks="Work.claim: priority, then age",
    ),
    # --- SQLite: leases and fences ---
    Bug(
        name="attempt-stands-still",
        file="drivers/sqlite/claiming.py",
        old="            attempt=ready.attempt + 1,\n",
        new="            attempt=max(ready.attempt, 1),\n",
        breaks="I8 One holder",
    ),
    Bug(
        name="nonce-used-again",
        file="drivers/sqlite/claiming.py",
        old="nonce=chance.nonce()) for task",
        new='nonce="0" * 32) for task',
        breaks="I8 One holder",
    ),
    Bug(
        name="journal-without-fence",
        file="drivers/sqlite/journal.py",
        old="current = is_current(changes.held(line), token)",
        new="current = True",
        breaks="I9 Fence",
    ),
    Bug(
        name="renewal-without-fence",
        file="drivers/sqlite/leases.py",
        old="if not is_current(changes.held(line), token) or line.hard_until is None:",
        new="if line.hard_until is None:",
        breaks="I9 Fence",
    ),
    Bug(
        name="spawn-without-fence",
        file="drivers/sqlite/submitting.py",
        old="if line is None or not is_current(changes.held(line), addition.token):",
        new="if line is None:",
        breaks="I9 Fence",
    ),
    Bug(
        name="note-without-fence",
        file="drivers/sqlite/ports.py",
        old="if line is None or not is_current(changes.held(line), token):",
        new="if line is None:",
        breaks="I9 Fence",
    ),
    Bug(
        name="sweep-leaves-the-token",
        file="drivers/sqlite/leases.py",
        old='        nonce="",\n',
        new="",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="crashes-do-not-count",
        file="drivers/sqlite/leases.py",
        old="failures = line.failures + 1",
        new="failures = max(line.failures, 1)",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="beat-extends-for-ever",
        file="drivers/sqlite/leases.py",
        old="lease_end(now=changes.at, lease_s=lease_s, hard_until=line.hard_until)",
        new="lease_end(now=changes.at, lease_s=lease_s, hard_until=changes.at + lease_s)",
        breaks="I13 Hard deadline",
    ),
    Bug(
        name="timer-late",
        file="drivers/sqlite/leases.py",
        old="wake_at <= ?",
        new="wake_at < ?",
        breaks="Leases.sweep: what is due",
    ),
    # --- SQLite: commands, journal, log ---
    Bug(
        name="command-forgotten",
        file="drivers/sqlite/submitting.py",
        old='    changes.db.run("INSERT INTO command VALUES (?, ?, ?)", row)\n',
        new="    del row\n",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="command-body-ignored",
        file="drivers/sqlite/submitting.py",
        old="if known[0] != command.digest:",
        new="if not known[0]:",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="settlement-forgotten",
        file="drivers/sqlite/settling.py",
        old='{"spent": spent, "reason"',
        new='{"spent": "", "reason"',
        breaks="I16 Idempotence",
    ),
    Bug(
        name="edges-left-behind",
        file="drivers/sqlite/settling.py",
        old="        changes.consume_edges(line)\n",
        new="",
        breaks="I17 All or nothing",
    ),
    Bug(
        name="settlement-in-two-commits",
        file="drivers/sqlite/settling.py",
        old="        changes.consume_edges(line)\n",
        new="        changes.flush()\n"
        '        changes.db.run("COMMIT")\n'
        '        changes.db.run("BEGIN IMMEDIATE")\n'
        "        changes.consume_edges(line)\n",
        breaks="I17 All or nothing",
    ),
    Bug(
        name="answer-before-the-commit",
        file="drivers/sqlite/threads.py",
        old='            self._db.run("COMMIT")',
        new='            self._db.run("ROLLBACK")',
        breaks="I18 Class honoured",
    ),
    Bug(
        name="value-overwritten",
        file="drivers/sqlite/journal.py",
        old="if step.state is not StepState.OPEN:",
        new="if step.state is StepState.UNKNOWN:",
        breaks="I19 Write once",
    ),
    Bug(
        name="calls-not-counted",
        file="drivers/sqlite/journal.py",
        old="UPDATE step SET calls = ?,",
        new="UPDATE step SET calls = min(calls, ?),",
        breaks="I22 Pay once",
    ),
    Bug(
        name="event-skipped",
        file="drivers/sqlite/changes.py",
        old="        sheet.seq += 1\n",
        new="        sheet.seq += 1 + (kind == TaskMove.LOSE)\n",
        breaks="I25 Log",
    ),
    Bug(
        name="claim-not-told",
        file="drivers/sqlite/claiming.py",
        old="    changes.tell(sheet, TaskMove.CLAIM, task=ready.key, data=told)\n",
        new="    del told\n",
        breaks="I1 States",
    ),
    Bug(
        name="gap-in-silence",
        file="drivers/sqlite/reading.py",
        old='if cursor.incarnation not in ("", incarnation):',
        new="if not incarnation:",
        breaks="I15 Incarnation",
    ),
    Bug(
        name="cap-waits-for-a-settlement",
        file="drivers/sqlite/steering.py",
        old=(
            "        sheet.cap = order.max_agents\n"
            "        changes.move_swarm(sheet, order.move, told=told)\n"
        ),
        new=(
            "        changes.move_swarm(sheet, order.move, told=told)\n"
            "        sheet.cap = order.max_agents\n"
        ),
        breaks="I4 One entry",
    ),
    Bug(
        name="cap-not-shown",
        file="drivers/sqlite/lines.py",
        old="max_agents=row[9])",
        new="max_agents=request_from(row[1]).max_agents)",
        breaks="I29 Bounds",
    ),
    Bug(
        name="order-name-ignored",
        file="drivers/sqlite/steering.py",
        old="    return digest is not None\n",
        new="    return False\n",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="letters-of-one-moment-lost",
        file="drivers/sqlite/letters.py",
        old="(t.ended_at < ?1 OR {PLACE} < ?2)",
        new="(t.ended_at < ?1 OR ?2 = '')",
        breaks="Registry.dead_letters: pages",
    ),
    Bug(
        name="cancel-spares-the-sleeping",
        file="drivers/sqlite/steering.py",
        old="status NOT IN ('succeeded', 'failed', 'cancelled')",
        new="status NOT IN ('succeeded', 'failed', 'cancelled', 'sleeping')",
        breaks="I27 Cancel",
    ),
    Bug(
        name="large-value-accepted",
        file="drivers/sqlite/ports.py",
        old="        check_settlements(settlements)\n",
        new="",
        breaks="I29 Bounds",
    ),
    Bug(
        name="blob-forgotten",
        file="drivers/sqlite/holdings.py",
        old="INSERT OR IGNORE INTO blob VALUES (?, ?)",
        new="INSERT OR IGNORE INTO blob SELECT ?, ? WHERE 0",
        breaks="I31 Retention",
    ),
    Bug(
        name="silent-bell",
        file="drivers/sqlite/threads.py",
        old="for topic in ask.topics})",
        new="for topic in ask.topics - {'work'}})",
        breaks="Work.claim: waits for work",
    ),
    # --- memory ---
    Bug(
        name="memory-sweep-leaves-the-token",
        file="drivers/memory/leases.py",
        old='task.nonce, task.reason = "", reason',
        new="task.reason = reason",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="memory-runs-share-a-journal",
        file="drivers/memory/journal.py",
        old="steps = tables.journal.setdefault((token.swarm, token.task, token.run), {})",
        new="steps = tables.journal.setdefault((token.swarm, token.task, 1), {})",
        breaks="I19 Write once",
    ),
    Bug(
        name="memory-entry-stays",
        file="drivers/memory/changes.py",
        old="                seat.ready -= 1\n",
        new="                pass\n",
        breaks="I4 One entry",
    ),
    # --- the engine: hive and agent ---
    Bug(
        name="heartbeat-renews-to-now",
        file="hive/heartbeat.py",
        old="renew(tokens, lease_s=self._lease_s)",
        new="renew(tokens, lease_s=0.0)",
        breaks="I34 A live worker keeps its tasks",
    ),
    Bug(
        name="heart-dies-with-a-beat",
        file="hive/heartbeat.py",
        old="with suppress(Exception):",
        new="with suppress(KeyError):",
        breaks="I34 A live worker keeps its tasks",
    ),
    Bug(
        name="loss-not-heard",
        file="hive/heartbeat.py",
        old="                self._lost(token, hand_back=False)\n",
        new="",
        breaks="I27 Cancel: what runs is dropped",
    ),
    Bug(
        name="pause-not-heard",
        file="hive/heartbeat.py",
        old="frozenset({SwarmStatus.PAUSED, SwarmStatus.INTERRUPTED})",
        new="frozenset({SwarmStatus.INTERRUPTED})",
        breaks="Pause: what runs is handed back",
    ),
    Bug(
        name="reclaim-skipped",
        file="hive/worker.py",
        old=("        await self._store.leases.reclaim(self._offer.worker)\n"),
        new="",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="hand-back-forgotten",
        file="hive/worker.py",
        old="may_go_on = running.is_handed_back and not running.is_late",
        new="may_go_on = False",
        breaks="Worker: leaving hands back what runs",
    ),
    Bug(
        name="slots-overrun",
        file="hive/worker.py",
        old="limit=min(free, CLAIM_MAX)",
        new="limit=CLAIM_MAX",
        breaks="I29 Bounds",
    ),
    Bug(
        name="time-out-ignored",
        file="hive/worker.py",
        old="loop.call_later(grant.spec.timeout_s, _time_out, running)",
        new="loop.call_later(3600.0, _time_out, running)",
        breaks="I13 Hard deadline",
    ),
    Bug(
        name="time-out-counts-as-nothing",
        file="hive/worker.py",
        old="may_go_on = running.is_handed_back and not running.is_late",
        new="may_go_on = running.is_handed_back or running.is_late",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="refusal-told-as-success",
        file="hive/worker.py",
        old="return settlement.outcome if verdict in ACCEPTED else None",
        new="return settlement.outcome",
        breaks="I9 Fence: a refused outcome is lost",
    ),
    Bug(
        name="outcome-cancelled-while-stored",
        file="hive/worker.py",
        old="        if running.is_made:\n",
        new="        if running.is_made and not hand_back:\n",
        breaks="I17 All or nothing: a made outcome is stored",
    ),
    Bug(
        name="last-of-the-batch-dropped",
        file="hive/settlement.py",
        old="in zip(batch, verdicts, strict=True)",
        new="in zip(batch[:-1] or batch, verdicts, strict=False)",
        breaks="I6 No lost task",
    ),
    Bug(
        name="bad-outcome-spoils-the-batch",
        file="hive/settlement.py",
        old="        check_settlements((settlement,))",
        new="        check_settlements(())",
        breaks="I29 Bounds: refused by itself",
    ),
    Bug(
        name="settlement-offered-once",
        file="hive/settlement.py",
        old="await offered(lambda: self._work.settle(settlements), self._clock)",
        new="await self._work.settle(settlements)",
        breaks="I16 Idempotence: offered until it is answered",
    ),
    Bug(
        name="sweep-does-nothing",
        file="hive/scheduler.py",
        old="self.leases.sweep()",
        new="self.leases.sweep(limit=0)",
        breaks="I34 A dead worker's task runs elsewhere",
    ),
    Bug(
        name="answer-recorded-once",
        file="agent/journal.py",
        old="await offered(lambda: self._put(key, fingerprint, text, bill=bill), self._clock)",
        new="await self._put(key, fingerprint, text, bill=bill)",
        breaks="I22 Pay once: an answer that was made is kept while the store is away",
    ),
    Bug(
        name="hears-amid-an-open-request",
        file="agent/hearing.py",
        old='if held <= talk.heard or talk.brief.journal.is_begun(f"turn/{turn}/model"):',
        new="if held <= talk.heard:",
        breaks="I20 Fingerprint: an open request stays what it was",
    ),
    Bug(
        name="takeover-forgets-what-was-heard",
        file="agent/hearing.py",
        old="if not talk.brief.journal.is_recorded(key) and not await _has_news(talk, turn):",
        new="if not await _has_news(talk, turn):",
        breaks="I20 Fingerprint: a takeover has the same conversation",
    ),
    Bug(
        name="hears-what-others-are-told",
        file="agent/told.py",
        old="return [each for each in told if each.is_for(brief.grant.token.task)]",
        new="return list(told)",
        breaks="a message for one task is for that one",
    ),
    Bug(
        name="journal-does-not-listen",
        file="agent/journal.py",
        old="        self.told = max(self.told, last.told)\n",
        new="",
        breaks="I44 Told: a live agent hears at its next turn",
    ),
    Bug(
        name="own-value-before-the-stored",
        file="agent/journal.py",
        old="return text if answer.value == text else await self._full(answer.value)",
        new="return text",
        breaks="I19 Write once",
    ),
    Bug(
        name="request-over-peoples-heads",
        file="agent/journal.py",
        old="            intent = replace(intent, told=self.told)\n",
        new="            pass\n",
        breaks="I44 Told: a live agent hears before its request",
    ),
    Bug(
        name="carried-and-lost",
        file="agent/journal.py",
        old="            answers = await self._journal.write([*carried, *own])\n",
        new="            answers = await self._journal.write(list(own) or carried)\n",
        breaks="I22 Pay once: an answer that was made is kept",
    ),
    Bug(
        name="carried-past-a-refusal",
        file="agent/journal.py",
        old="            _see_stored(entry, answer)\n",
        new="            pass\n",
        breaks="I9 Fence: who lost the task stops",
    ),
    Bug(
        name="carried-over-a-dead-attempt",
        file="agent/journal.py",
        old="pace is not Pace.SYNCED and known is None and",
        new="pace is not Pace.SYNCED and",
        breaks="I19 Write once: the first value stands",
    ),
    Bug(
        name="sqlite-step-of-a-write-kept-twice",
        file="drivers/sqlite/journal.py",
        old="        return len(self.steps) - len(self.stored)\n",
        new="        return 0\n",
        breaks="I29 Bounds: a run has so many steps",
    ),
    Bug(
        name="intent-skipped",
        file="agent/journal.py",
        old="found = await self._announce(intent)\n",
        new="found = None\n",
        breaks="I21 Order",
    ),
    Bug(
        name="replay-answers-any-question",
        file="agent/journal.py",
        old=" and known.fingerprint == fingerprint:",
        new=":",
        breaks="I20 Fingerprint",
    ),
    Bug(
        name="key-used-twice",
        file="agent/journal.py",
        old="        self._used.add(key)\n",
        new="",
        breaks="I20 Fingerprint: a key is used once",
    ),
    Bug(
        name="found-and-called-again",
        file="agent/journal.py",
        old="            return answer.value\n",
        new="            return None\n",
        breaks="I22 Pay once",
    ),
    Bug(
        name="large-value-by-its-reference",
        file="agent/journal.py",
        old="if digest else (text or _NULL)",
        new="if digest is None else (text or _NULL)",
        breaks="I19 Write once: the value in full",
    ),
    Bug(
        name="doubt-is-handed-back",
        file="agent/attempt.py",
        old='return Blocked(reason=f"{error.message} {error.hint}")',
        new="return HandedBack(reason=error.message)",
        breaks="I23 Effect class",
    ),
    Bug(
        name="failures-forgotten",
        file="agent/attempt.py",
        old="failures=grant.failures,",
        new="failures=0,",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="spawned-not-read",
        file="agent/attempt.py",
        old="for key in grant.waited_for]",
        new="for key in grant.spec.after]",
        breaks="Addition: dependents read what was spawned",
    ),
    Bug(
        name="every-error-permanent",
        file="agent/failures.py",
        old="ErrorClass.PERMANENT if is_permanent else ErrorClass.TRANSIENT",
        new="ErrorClass.PERMANENT",
        breaks="Attempt: a transient error is tried again",
    ),
    Bug(
        name="spawn-under-another-name",
        file="agent/spawning.py",
        old="{token.run}/{number}",
        new="{token.attempt}/{number}",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="effect-ignored",
        file="agent/function.py",
        old="made, effect=effect, bill=bill)",
        new="made, effect=Effect.PURE, bill=bill)",
        breaks="I23 Effect class",
    ),
    # --- policy ---
    Bug(
        name="token-of-another-life",
        file="policy/fencing.py",
        old="        and token.incarnation == held.incarnation\n",
        new="",
        breaks="I15 Incarnation",
    ),
    Bug(
        name="conflict-passes-as-repeat",
        file="policy/fencing.py",
        old="SettleVerdict.ALREADY if held.spent == digest else SettleVerdict.CONFLICT",
        new="SettleVerdict.ALREADY",
        breaks="I16 Idempotence",
    ),
    Bug(
        name="late-result-counts",
        file="policy/fencing.py",
        old="SettleVerdict.LATE if held.status is TaskStatus.CANCELLED else",
        new="SettleVerdict.OK if held.status is TaskStatus.CANCELLED else",
        breaks="I27 Cancel",
    ),
    Bug(
        name="expired-too-early",
        file="policy/expiry.py",
        old="return lease_until < now or",
        new="return lease_until <= now or",
        breaks="I11 Reclaim",
    ),
    Bug(
        name="lease-over-the-deadline",
        file="policy/expiry.py",
        old="min(now + min(lease_s, LEASE_S_MAX), hard_until)",
        new="now + min(lease_s, LEASE_S_MAX)",
        breaks="I13 Hard deadline",
    ),
    Bug(
        name="one-attempt-more",
        file="policy/expiry.py",
        old="if failures >= retry.attempts_max",
        new="if failures > retry.attempts_max",
        breaks="I12 Bounded attempts",
    ),
    Bug(
        name="once-made-twice",
        file="policy/journaling.py",
        old="return StepVerdict.UNKNOWN if step.effect is Effect.ONCE else StepVerdict.OPENED",
        new="return StepVerdict.OPENED",
        breaks="I23 Effect class",
    ),
    Bug(
        name="answer-to-another-question",
        file="policy/journaling.py",
        old="    if step.fingerprint != intent.fingerprint:\n        return StepVerdict.DIVERGED\n",
        new="",
        breaks="I20 Fingerprint",
    ),
    Bug(
        name="late-pure-result-lost",
        file="policy/journaling.py",
        old="if not current and step.effect is not Effect.PURE:",
        new="if not current:",
        breaks="D9: a paid answer is kept",
    ),
    Bug(
        name="newcomer-catches-up",
        file="policy/fairness.py",
        old="return max(own, floor)",
        new="return own",
        breaks="Work.claim: fair virtual time",
    ),
    Bug(
        name="a-claim-serves-one-swarm",
        file="policy/fairness.py",
        old="return min(max(limit // VISITS, 1), QUANTUM_MAX)",
        new="return limit",
        breaks="Work.claim: fair virtual time",
    ),
    Bug(
        name="a-visit-serves-one-task",
        file="policy/fairness.py",
        old="return min(max(limit // VISITS, 1), QUANTUM_MAX)",
        new="return max(limit // limit, 1)",
        breaks="Work.claim: fair virtual time",
    ),
    Bug(
        name="a-quantum-beyond-the-room",
        file="policy/fairness.py",
        old="min(self.quantum, self.left, self.room[swarm], ready)",
        new="min(self.quantum, self.left, ready)",
        breaks="I29 Bounds",
    ),
    Bug(
        name="lua-a-claim-serves-one-swarm",
        file="drivers/redis/functions/48_dealing.lua",
        old="math.min(math.max(math.floor(limit / VISITS), 1), QUANTUM_MAX)",
        new="limit",
        breaks="Work.claim: fair virtual time",
    ),
    Bug(
        name="lua-a-quantum-beyond-the-room",
        file="drivers/redis/functions/48_dealing.lua",
        old="math.min(quantum, limit, room[seat.id], seat.ready)",
        new="math.min(quantum, limit, seat.ready)",
        breaks="I29 Bounds",
    ),
    Bug(
        name="lua-new-task-not-told",
        file="drivers/redis/functions/30_changes.lua",
        old="  tell(ctx, s, 'task.released', task.key)\n",
        new="",
        breaks="I1 States",
    ),
    Bug(
        name="lua-new-task-ready-too-soon",
        file="drivers/redis/functions/30_changes.lua",
        old="  local is_free = task.unmet == 0 and task.delay_s == 0\n",
        new="  local is_free = task.delay_s == 0\n",
        breaks="I2 Readiness",
    ),
    Bug(
        name="sqlite-new-task-ready-too-soon",
        file="drivers/sqlite/changes.py",
        old="    if line.unmet == 0 and line.delay_s == 0:\n",
        new="    if line.unmet == 0:\n",
        breaks="I2 Readiness",
    ),
    Bug(
        name="sqlite-new-task-not-told",
        file="drivers/sqlite/changes.py",
        old='            self.tell(sheet, TaskMove.RELEASE, task=line.key, data="{}")\n',
        new="",
        breaks="I1 States",
    ),
    Bug(
        name="gathered-reads-mixed-up",
        file="agent/gathering.py",
        old="[found[ref] for ref in self.refs]",
        new="list(found.values())",
        breaks="Registry.read: in the order asked",
    ),
    Bug(
        name="who-leaves-takes-the-others-along",
        file="agent/gathering.py",
        old="            if self._waiting is batch:\n                self._waiting = []\n",
        new="",
        breaks="I6 No lost task",
    ),
    Bug(
        name="sqlite-outcome-outlives-its-run",
        file="drivers/sqlite/steering.py",
        old='    changes.db.run("DELETE FROM outcome WHERE task = ?", (line.n,))\n',
        new="",
        breaks="D7: a new run begins anew",
    ),
    Bug(
        name="room-not-used-up",
        file="policy/fairness.py",
        old="        self.room[swarm] -= number\n",
        new="",
        breaks="I29 Bounds",
    ),
    Bug(
        name="cycle-accepted",
        file="policy/plans.py",
        old="    if unmet:\n        raise CycleInPlan",
        new="    if not after:\n        raise CycleInPlan",
        breaks="I6 No lost task",
    ),
    Bug(
        name="ended-too-early",
        file="policy/endings.py",
        old="any(counts.get(status, 0) for status in LIVE)",
        new="any(counts.get(status, 0) for status in LIVE if status is not TaskStatus.BLOCKED)",
        breaks="I6 No lost task",
    ),
    Bug(
        name="interrupted-gives-out",
        file="policy/endings.py",
        old="return status is SwarmStatus.ACTIVE",
        new="return status is not SwarmStatus.PAUSED",
        breaks="I4 One entry",
    ),
    Bug(
        name="replay-of-the-living",
        file="policy/reopening.py",
        old="if order.is_replay and tasks[key].status not in DEAD:",
        new="if order.is_replay and tasks[key].status is TaskStatus.RUNNING:",
        breaks="Work.steer: TaskNotDead",
    ),
    Bug(
        name="cap-without-bounds",
        file="policy/steering.py",
        old="if not 1 <= order.max_agents <= SWARM_AGENTS_MAX:",
        new="if order.max_agents < 1:",
        breaks="I29 Bounds",
    ),
    Bug(
        name="retry-leaves-followers",
        file="policy/reopening.py",
        old="        found.update(fresh)\n",
        new="        found.update(fresh[:1])\n",
        breaks="I2 Readiness",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one planted bug."""

    bug: Bug
    verdict: str
    is_caught: bool


def main(names: list[str]) -> int:
    """Plant the bugs that are named, or all, and report."""
    chosen = [bug for bug in BUGS if not names or bug.name in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        findings = pool.map(plant, chosen)
        survivors = 0
        for finding in findings:
            survivors += not finding.is_caught
            mark = "caught  " if finding.is_caught else "SURVIVES"
            print(f"{mark}  {finding.bug.name:<34} {finding.bug.breaks:<40} {finding.verdict}")
            sys.stdout.flush()
    print(f"{len(chosen) - survivors} of {len(chosen)} planted bugs were caught")
    return 1 if survivors or not chosen else 0


def plant(bug: Bug) -> Finding:
    """Plant one bug in a copy of the tree and run the tests that should catch it."""
    with tempfile.TemporaryDirectory(prefix="skep-bug-") as folder:
        copy = Path(folder)
        for name in COPIED:
            copy_of(REPO / name, copy / name)
        file = copy / "src" / "skep" / bug.file
        text = file.read_text()
        if not fits(bug, text):
            found = f"the text to replace does not stand once in {bug.file}"
            return Finding(bug=bug, verdict=found, is_caught=False)
        file.write_text(text.replace(bug.old, bug.new))
        return judge(bug, copy)


def fits(bug: Bug, text: str) -> bool:
    """Say whether a bug can be planted in the text of its file."""
    return text.count(bug.old) == 1


def copy_of(source: Path, target: Path) -> None:
    """Copy a file or a folder, without what Python compiled."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def judge(bug: Bug, copy: Path) -> Finding:
    """Run the tests that should catch a bug, one group after the other, until one does."""
    for tests in tests_for(bug):
        code, output = run_tests(copy, tests)
        if code == TESTS_FAILED:
            return Finding(bug=bug, verdict=verdict_of(output, copy), is_caught=True)
        if code != PASSED:
            tail = output.strip().splitlines()[-1:]
            return Finding(bug=bug, verdict=f"the tests did not run: {tail}", is_caught=False)
    return Finding(bug=bug, verdict="no test failed", is_caught=False)


def tests_for(bug: Bug) -> list[list[str]]:
    """The engine's tests; or a driver's examples, then its random histories."""
    if bug.file.startswith(("hive/", "agent/")):
        return [[*ENGINE, "-x", "--timeout", str(ENGINE_LIMIT_S)]]
    named = [driver for driver in EXAMPLES if f"/{driver.lower()}/" in bug.file]
    driver = named[0] if named else "Memory"
    settings = ["--timeout", "60", "--hypothesis-profile", "unshrunk", "--hypothesis-seed", "1"]
    machines = ("test_machine.py", "test_mail_machine.py")
    histories = [f"tests/contract/{machine}::Test{driver}" for machine in machines]
    groups = [[*EXAMPLES[driver], "--maxfail", "3", *settings], [*histories, *settings]]
    if near := next((tests for word, tests in NEAR.items() if word in bug.file), ""):
        # What most likely tells comes first; where it does not, everything is asked.
        chosen = [SUITE, "-k", f"on-{driver.lower()} and ({near})"]
        groups.insert(0, [*chosen, "--maxfail", "3", *settings])
    return groups


def run_tests(copy: Path, tests: list[str]) -> tuple[int, str]:
    """Run tests on the copy; its own package comes first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}  # noqa: TID251 - handed on
    try:
        run = subprocess.run(
            [*command, *tests],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return -1, "out of time"
    return run.returncode, run.stdout


def verdict_of(output: str, copy: Path) -> str:
    """Name the invariant found broken or the sentence, and the first test that failed."""
    broken = BROKEN.search(output) or SENTENCE.search(output)
    failed = FAILED.search(output)
    found = [match.group(1) for match in (broken,) if match]
    if failed:
        found = [*(found or sentence_of(copy / failed[1], failed[2])), failed[2]]
    return " by ".join(found) or "failed"


def sentence_of(path: Path, test: str) -> list[str]:
    """What a test says that it holds: the first line of its docstring."""
    return [
        (ast.get_docstring(node) or "").partition("\n")[0].rstrip(".")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == test
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
