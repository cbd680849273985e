-- The live state of all swarms as Redis functions: one call is one atomic operation.
--
-- Everything is checked before the first write, and what follows are commands that cannot fail,
-- because a script is atomic but not transactional: an error half-way keeps the earlier writes.
-- Tables of moves, weights and limits come from skep.records and skep.policy when the library is
-- made (see library.py). Times are seconds since 1970; `num` writes them without losing a digit.
--
-- key                      type   holds
-- skep:meta                hash   incarnation
-- swarm:index              zset   every swarm; their ids sort by the time of their making
-- swarm:status:<status>    set    swarms by status
-- swarm:<id>               hash   request, status, sealed, priority, cap, seq, counts, times, reason
-- swarm:<id>:tasks         list   task keys in the order of the plan
-- swarm:<id>:t:<key>       hash   one task
-- swarm:<id>:up:<key>      zset   what the task waits for, by ordinal
-- swarm:<id>:down:<key>    list   who waits for the task
-- swarm:<id>:open:<key>    zset   those of them whose edge is not met yet, by ordinal
-- swarm:<id>:ready:<lane>  zset   ready tasks by priority, then age
-- swarm:<id>:seats         hash   lane -> own virtual time, then 1 when the seat is in its ring
-- swarm:<id>:j:<run>:<key> hash   step key -> JSON of the step
-- swarm:<id>:o:<run>:<key> list   step keys in the order of their opening
-- swarm:<id>:ev            list   events as JSON; its length is the last seq
-- skep:queue:<queue>       set    lanes of the queue that have seats
-- skep:lane:<lane>         hash   floor, turn, and how many seats it has
-- skep:ring:<lane>         zset   eligible swarms by virtual time
-- skep:leases              zset   members by the deadline of its lease
-- skep:timers              zset   members by the time to wake them
-- skep:deadlines           zset   swarms by the time at which they are over
-- skep:drains              zset   members with edges left over
-- skep:own:<worker>        set    members that a worker holds
-- skep:cmd:<id>            string digest and swarm of a command carried out
--
-- A member is <swarm>/<ordinal>/<key>, so that members of equal score stand in the order of the plan.

local function num(x) return string.format('%.17g', x) end
local function text(x) return cjson.encode(x) end

